using System.Runtime.InteropServices;

namespace Covol.Fuse;

/// <summary>
/// A name's answer (struct fuse_entry_out, 128 bytes). Node 0 means "no such name" and may be cached like any other. Each entry
/// with a node counts as one lookup that the kernel gives back by forgetting.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public struct FuseEntry
{
    public ulong Node;

    /// <summary>Node and generation together never name two inodes in the life of the file system.</summary>
    public ulong Generation;

    /// <summary>How long the kernel may keep the name; 0 asks each time.</summary>
    public ulong NameValidSeconds;
    public ulong AttributesValidSeconds;
    public uint NameValidNanoseconds;
    public uint AttributesValidNanoseconds;
    public FuseAttributes Attributes;
}
