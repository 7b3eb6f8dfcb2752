namespace Covol.Protocol.Files;

/// <summary>What an inode is. The values are those of <c>d_type</c> (POSIX's DT_*), so that listings need no table.</summary>
public enum FileKind : byte
{
    Fifo = 1,
    CharacterDevice = 2,
    Directory = 4,
    BlockDevice = 6,
    Regular = 8,
    SymbolicLink = 10,
    Socket = 12,
}
