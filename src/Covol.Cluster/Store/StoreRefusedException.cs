namespace Covol.Cluster.Store;

/// <summary>The cluster store understood a request and refused it (a lease that ended, a value that is too long, no space left).</summary>
public sealed class StoreRefusedException : IOException
{
    public StoreRefusedException()
        : base("The cluster store refused a request.")
    {
    }

    public StoreRefusedException(string message)
        : base(message)
    {
    }

    public StoreRefusedException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
