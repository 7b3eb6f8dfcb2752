using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace Covol.Fuse;

/// <summary>
/// Builds the entries of READDIR or READDIRPLUS in a request's own memory (struct fuse_dirent, struct fuse_direntplus: 24
/// bytes and
/// the name, filled up to 8; with attributes, a struct fuse_entry_out before it).
/// </summary>
public ref struct FuseDirectoryListing
{
    private const int EntryHeader = 24;
    private const int NameMax = 1024;
    private readonly Span<byte> _room;

    internal FuseDirectoryListing(Span<byte> room, bool withAttributes)
    {
        _room = room;
        WithAttributes = withAttributes;
    }

    /// <summary>Bytes used so far.</summary>
    public int Length { get; private set; }

    /// <summary>READDIRPLUS: each entry carries what a lookup of it would say.</summary>
    public readonly bool WithAttributes { get; }

    /// <summary>
    /// Adds a name. False: it does not fit any more; the kernel asks again with the last cookie. The cookie of an entry is where
    /// the listing goes on *after* it, and is not 0.
    /// </summary>
    /// <param name="name">The name.</param>
    /// <param name="inode">Number shown to programs.</param>
    /// <param name="mode">Kind of file as in st_mode; the permissions are not looked at.</param>
    /// <param name="cookie">Where to go on after this entry.</param>
    public bool TryAdd(string name, ulong inode, uint mode, ulong cookie)
    {
        if (WithAttributes)
        {
            // Node 0: the kernel makes no inode of it and counts no lookup.
            var entry = new FuseEntry { Attributes = new FuseAttributes { Inode = inode, Mode = mode } };
            return TryAdd(name, entry, cookie);
        }

        return TryPut(name, inode, mode, cookie, Length);
    }

    /// <summary>Adds a name with all a lookup would say. It counts as a lookup of the node (unless that is 0).</summary>
    public bool TryAdd(string name, in FuseEntry entry, ulong cookie)
    {
        if (!WithAttributes)
        {
            return TryAdd(name, entry.Attributes.Inode, entry.Attributes.Mode, cookie);
        }

        var size = Marshal.SizeOf<FuseEntry>();
        var start = Length;
        if (start + size > _room.Length || !TryPut(name, entry.Attributes.Inode, entry.Attributes.Mode, cookie, start + size))
        {
            return false;
        }

        MemoryMarshal.Write(_room[start..], entry);
        return true;
    }

    private bool TryPut(string name, ulong inode, uint mode, ulong cookie, int at)
    {
        const int kindShift = 12;
        Span<byte> text = stackalloc byte[NameMax];
        if (!Encoding.UTF8.TryGetBytes(name, text, out var nameLength) || nameLength == 0)
        {
            throw new FuseContractException(
                $"A name of {name.Length} characters cannot be listed; 1 to {NameMax} bytes are possible.");
        }

        var padded = (EntryHeader + nameLength + 7) & ~7;
        if (at + padded > _room.Length)
        {
            return false;
        }

        var target = _room.Slice(at, padded);
        target.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(target, inode);
        BinaryPrimitives.WriteUInt64LittleEndian(target[8..], cookie);
        BinaryPrimitives.WriteInt32LittleEndian(target[16..], nameLength);
        BinaryPrimitives.WriteUInt32LittleEndian(target[20..], (mode >> kindShift) & 0xF);
        text[..nameLength].CopyTo(target[EntryHeader..]);
        Length = at + padded;
        return true;
    }
}
