namespace Covol.Protocol.Volume;

/// <summary>What a handle is for.</summary>
public enum OpenAccess
{
    Read = 1,
    Write = 2,
    ReadWrite = 3,
}
