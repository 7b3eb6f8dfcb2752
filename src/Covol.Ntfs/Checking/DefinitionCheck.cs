using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Covol.Ntfs.Checking;

/// <summary>
/// $AttrDef, the volume's list of the kinds of attributes there are (layout.h, ATTR_DEF). NTFS 3.1 has had the same fifteen ever since;
/// Windows repairs a volume that lacks one of them.
/// </summary>
internal static class DefinitionCheck
{
    private const string Where = "$AttrDef";
    private const int EntryLength = 160;
    private const int NameLength = 128;

    private static readonly Dictionary<uint, string> s_known = new()
    {
        [0x10] = "$STANDARD_INFORMATION",
        [0x20] = "$ATTRIBUTE_LIST",
        [0x30] = "$FILE_NAME",
        [0x40] = "$OBJECT_ID",
        [0x50] = "$SECURITY_DESCRIPTOR",
        [0x60] = "$VOLUME_NAME",
        [0x70] = "$VOLUME_INFORMATION",
        [0x80] = "$DATA",
        [0x90] = "$INDEX_ROOT",
        [0xA0] = "$INDEX_ALLOCATION",
        [0xB0] = "$BITMAP",
        [0xC0] = "$REPARSE_POINT",
        [0xD0] = "$EA_INFORMATION",
        [0xE0] = "$EA",
        [0x100] = "$LOGGED_UTILITY_STREAM",
    };

    public static void Run(VolumeImage image, MftRecord? record, FindingList findings)
    {
        if (record?.Find(MftRecord.Data) is not { } data || image.ReadWhole(data) is not { } table)
        {
            findings.Tell(FindingKind.AttributeDefinitions, Where, "it cannot be read");
            return;
        }

        var seen = new HashSet<uint>();
        var before = 0U;
        for (var at = 0; at + EntryLength <= table.Length; at += EntryLength)
        {
            var entry = table.AsSpan(at, EntryLength);
            var type = BinaryPrimitives.ReadUInt32LittleEndian(entry[NameLength..]);
            if (type == 0)
            {
                break;
            }

            var name = new string(MemoryMarshal.Cast<byte, char>(entry[..NameLength])).TrimEnd('\0');
            if (type <= before || (s_known.TryGetValue(type, out var right) && name != right))
            {
                findings.Tell(
                    FindingKind.AttributeDefinitions, Where, $"its entry {at / EntryLength} defines {type:x} as '{name}' behind {before:x}");
                return;
            }

            seen.Add(before = type);
        }

        foreach (var (type, name) in s_known.Where(known => !seen.Contains(known.Key)))
        {
            findings.Tell(FindingKind.AttributeDefinitions, Where, $"it lacks {name} ({type:x})");
        }
    }
}
