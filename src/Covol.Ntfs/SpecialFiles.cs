using System.Buffers.Binary;
using System.Text;
using Covol.Protocol.Files;
using Covol.Protocol.Volume;

namespace Covol.Ntfs;

/// <summary>
/// Files that are neither regular nor directories. A symbolic link is an empty file with WSL's reparse point (MS-FSCC 2.1.2.1
/// lists the tags): version
/// 2 and the target in UTF-8; ntfs-3g and Windows read it. Devices, pipes and sockets are empty files whose $LXMOD says what
/// they are, as the kernel's
/// ntfs3 keeps them; libntfs-3g refuses WSL's empty reparse points on files that it made itself.
/// </summary>
internal static class SpecialFiles
{
    public const uint SymbolicLinkTag = 0xA000_001D;

    /// <summary>Windows' own symbolic links.</summary>
    public const uint WindowsLinkTag = 0xA000_000C;

    /// <summary>PATH_MAX of Linux without its terminating zero.</summary>
    public const int TargetLengthMax = 4095;

    /// <summary>What Interix' links and devices have at most: eight bytes that say which, and PATH_MAX UTF-16 units.</summary>
    public const int InterixLengthMax = HeaderLength + (2 * (TargetLengthMax + 1));

    private const int HeaderLength = 8;
    private const uint LinkVersion = 2;

    // Interix, which ntfs-3g follows unless told otherwise (layout.h, INTX_FILE): system files that begin with one of these.
    private const ulong InterixLink = 0x014B_4E4C_7874_6E49; // "IntxLNK", 1
    private const ulong InterixCharacterDevice = 0x0052_4843_7874_6E49; // "IntxCHR", 0
    private const ulong InterixBlockDevice = 0x004B_4C42_7874_6E49; // "IntxBLK", 0
    private const int InterixDeviceLength = 24;

    public static FileKind? KindOf(uint tag) => tag switch
    {
        SymbolicLinkTag or WindowsLinkTag => FileKind.SymbolicLink,
        0x8000_0023 => FileKind.Socket,
        0x8000_0024 => FileKind.Fifo,
        0x8000_0025 => FileKind.CharacterDevice,
        0x8000_0026 => FileKind.BlockDevice,
        _ => null,
    };

    /// <summary>The file type bits of <c>st_mode</c> (POSIX sys/stat.h), which <c>$LXMOD</c> carries too.</summary>
    public static uint ModeBits(FileKind kind) => (uint)kind << 12;

    /// <summary>What $LXMOD says; null for what needs no word of it.</summary>
    public static FileKind? KindOfMode(uint mode) => (FileKind)((mode >> 12) & 0xF) switch
    {
        FileKind.Fifo => FileKind.Fifo,
        FileKind.CharacterDevice => FileKind.CharacterDevice,
        FileKind.BlockDevice => FileKind.BlockDevice,
        FileKind.Socket => FileKind.Socket,
        _ => null,
    };

    /// <summary>The reparse point of a symbolic link.</summary>
    public static byte[] EncodeLink(string? target)
    {
        if (string.IsNullOrEmpty(target))
        {
            throw new VolumeException(VolumeError.NotFound, "A symbolic link needs a target.");
        }

        var length = Encoding.UTF8.GetByteCount(target);
        if (length > TargetLengthMax)
        {
            throw new VolumeException(VolumeError.NameTooLong, $"A symbolic link's target has at most {TargetLengthMax} bytes.");
        }

        var bytes = new byte[HeaderLength + 4 + length];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, SymbolicLinkTag);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(4), (ushort)(4 + length));
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), LinkVersion);
        Encoding.UTF8.GetBytes(target, bytes.AsSpan(12));
        return bytes;
    }

    /// <summary>What the whole content of a system file says it is; null for one that is just a file.</summary>
    public static FileKind? KindOfInterix(ReadOnlySpan<byte> content) => content.Length <= HeaderLength
        ? null
        : BinaryPrimitives.ReadUInt64LittleEndian(content) switch
        {
            InterixLink when content.Length % 2 == 0 => FileKind.SymbolicLink,
            InterixCharacterDevice when content.Length == InterixDeviceLength => FileKind.CharacterDevice,
            InterixBlockDevice when content.Length == InterixDeviceLength => FileKind.BlockDevice,
            _ => null,
        };

    /// <summary>The two numbers of a device of Interix'; (0, 0) for anything else.</summary>
    public static (uint Major, uint Minor) InterixDevice(ReadOnlySpan<byte> content) =>
        KindOfInterix(content) is FileKind.CharacterDevice or FileKind.BlockDevice
            ? ((uint)BinaryPrimitives.ReadUInt64LittleEndian(content[8..]), (uint)BinaryPrimitives.ReadUInt64LittleEndian(content[16..]))
            : default;

    /// <summary>Where a symbolic link points, by its reparse point or Interix' content; null for one this code cannot read.</summary>
    public static string? Target(ReadOnlySpan<byte> reparse)
    {
        if (KindOfInterix(reparse) == FileKind.SymbolicLink)
        {
            return Encoding.Unicode.GetString(reparse[HeaderLength..]);
        }

        if (reparse.Length < HeaderLength)
        {
            return null;
        }

        var tag = BinaryPrimitives.ReadUInt32LittleEndian(reparse);
        var data = reparse.Slice(HeaderLength, Math.Min(BinaryPrimitives.ReadUInt16LittleEndian(reparse[4..]), reparse.Length - HeaderLength));
        return tag switch
        {
            SymbolicLinkTag when data.Length > 4 => Encoding.UTF8.GetString(data[4..]),
            WindowsLinkTag when data.Length >= 12 => WindowsTarget(data),
            _ => null,
        };
    }

    // SYMBOLIC_LINK_REPARSE_DATA (MS-FSCC 2.1.2.4): the print name's place and length at 4 and 6, the names from 12.
    private static string? WindowsTarget(ReadOnlySpan<byte> data)
    {
        var (start, length) = (BinaryPrimitives.ReadUInt16LittleEndian(data[4..]), BinaryPrimitives.ReadUInt16LittleEndian(data[6..]));
        return 12 + start + length <= data.Length ? Encoding.Unicode.GetString(data.Slice(12 + start, length)).Replace('\\', '/') : null;
    }
}
