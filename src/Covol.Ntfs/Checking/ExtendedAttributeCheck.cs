using System.Buffers.Binary;
using System.Text;

namespace Covol.Ntfs.Checking;

/// <summary>
/// The extended attributes of one file: FILE_FULL_EA_INFORMATION entries (MS-FSCC 2.4.15) against what $EA_INFORMATION says of them (layout.h,
/// EA_INFORMATION), and the values that Covol itself keeps there.
/// </summary>
internal static class ExtendedAttributeCheck
{
    private const int EntryHeaderLength = 8;
    private const int InformationLength = 8;

    /// <summary>What Covol keeps, as WSL and ntfs3 do: owner, group and mode in four bytes, a device's numbers in eight.</summary>
    private static readonly Dictionary<string, int> s_own = new() { ["$LXUID"] = 4, ["$LXGID"] = 4, ["$LXMOD"] = 4, ["$LXDEV"] = 8 };

    public static void Run(VolumeImage image, MftRecord record, Func<string> where, FindingList findings)
    {
        var (ea, information) = (record.Find(MftRecord.Ea), record.Find(MftRecord.EaInformation));
        if (ea is null && information is null)
        {
            return;
        }

        if (ea is null || information?.Value is not { Length: InformationLength } about)
        {
            findings.Tell(FindingKind.ExtendedAttributes, where(), "it has extended attributes without their summary, or a summary without them");
            return;
        }

        var bytes = image.ReadWhole(ea);
        var claimed = BinaryPrimitives.ReadUInt32LittleEndian(about.AsSpan(4));
        if (bytes is null || claimed != bytes.Length)
        {
            findings.Tell(
                FindingKind.ExtendedAttributes, where(), $"its extended attributes have {bytes?.Length ?? -1} bytes, their summary says {claimed}");
            return;
        }

        Walk(bytes, BinaryPrimitives.ReadUInt16LittleEndian(about), where, findings);
    }

    private static void Walk(ReadOnlySpan<byte> bytes, int packedClaimed, Func<string> where, FindingList findings)
    {
        var packed = 0;
        for (var rest = bytes; rest.Length > 0;)
        {
            var next = rest.Length >= EntryHeaderLength ? BinaryPrimitives.ReadInt32LittleEndian(rest) : -1;
            var (nameLength, valueLength) = next < 0 ? (0, 0) : (rest[5], (int)BinaryPrimitives.ReadUInt16LittleEndian(rest[6..]));
            var length = EntryHeaderLength + nameLength + 1 + valueLength;
            if (next < 0 || nameLength == 0 || length > rest.Length || (next != 0 && (next < length || next > rest.Length)))
            {
                findings.Tell(FindingKind.ExtendedAttributes, where(), $"its extended attributes are damaged at byte {bytes.Length - rest.Length}");
                return;
            }

            packed += 5 + nameLength + valueLength;
            var name = Encoding.UTF8.GetString(rest.Slice(EntryHeaderLength, nameLength));
            if (s_own.TryGetValue(name, out var due) && valueLength != due)
            {
                findings.Tell(FindingKind.OwnAttributes, where(), $"its {name} has {valueLength} bytes instead of {due}");
            }

            rest = next == 0 ? [] : rest[next..];
        }

        if ((packed & 0xFFFF) != packedClaimed)
        {
            findings.Tell(
                FindingKind.ExtendedAttributes, where(), $"its extended attributes take {packed} bytes packed, their summary says {packedClaimed}");
        }
    }
}
