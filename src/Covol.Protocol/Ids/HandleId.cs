namespace Covol.Protocol.Ids;

/// <summary>One open of a file, unique within its session and chosen by the client. It is the FUSE `fh`; locks belong to it.</summary>
public readonly record struct HandleId(long Value)
{
    public override string ToString() => $"handle {Value}";
}
