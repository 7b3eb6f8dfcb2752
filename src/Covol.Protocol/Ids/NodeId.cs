namespace Covol.Protocol.Ids;

/// <summary>A node's number in its cluster, from 1 to 64.</summary>
public readonly record struct NodeId(int Value)
{
    public override string ToString() => $"node{Value}";
}
