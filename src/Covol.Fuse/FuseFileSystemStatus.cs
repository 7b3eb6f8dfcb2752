using System.Runtime.InteropServices;

namespace Covol.Fuse;

/// <summary>Answer to statfs (struct fuse_kstatfs, 80 bytes). Blocks are counted in fragments.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct FuseFileSystemStatus
{
    public ulong Blocks;
    public ulong FreeBlocks;
    public ulong AvailableBlocks;
    public ulong Inodes;
    public ulong FreeInodes;
    public uint BlockSize;
    public uint NameLengthMax;
    public uint FragmentSize;
    private readonly uint _padding;
    private fixed uint _spare[6];
}
