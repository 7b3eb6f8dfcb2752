namespace Covol.Cluster.Store;

/// <summary>Names a lease of the cluster store.</summary>
public readonly record struct StoreLease(long Id)
{
    public override string ToString() => $"lease {Id:x}";
}
