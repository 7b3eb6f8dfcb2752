namespace Covol.Protocol.Ids;

/// <summary>One client of a volume: a node's mount.
/// Given by the coordinator, journalled before it gets state, never used twice on a volume.</summary>
public readonly record struct SessionId(long Value)
{
    public override string ToString() => $"session {Value}";
}
