using System.Buffers.Binary;

namespace Covol.Ntfs.Checking;

/// <summary>The index of all reparse points ($Extend/$Reparse, $R: tag and file) against those that the files have, both ways.</summary>
internal sealed class ReparseCheck(
    VolumeImage image,
    MftRecord index,
    IReadOnlySet<(uint Tag, ulong Reference)> points,
    RecordStates states,
    PathNames paths,
    FindingList findings)
{
    private const string Where = "$Extend/$Reparse";
    private const int KeyLength = 12;

    public void Run()
    {
        var indexed = new HashSet<(uint, ulong)>();
        var isWhole = IndexWalk.Run(image, findings, index, "$R", Where, IndexRule.NumberLists, Collation.Numbers, (_, key) =>
        {
            if (key.Length != KeyLength)
            {
                findings.Tell(FindingKind.IndexDamaged, Where, $"a key of its index has {key.Length} bytes");
                return false;
            }

            indexed.Add((BinaryPrimitives.ReadUInt32LittleEndian(key), BinaryPrimitives.ReadUInt64LittleEndian(key[4..])));
            return true;
        });
        foreach (var (tag, reference) in indexed.Except(points).Where(entry => !states.IsUnknown(entry.Item2)))
        {
            findings.Tell(
                FindingKind.ReparseStray,
                Where,
                $"it names a reparse point {tag:x8} of record {reference & MftRecord.NumberMask}, which has none such");
        }

        if (isWhole)
        {
            foreach (var (tag, reference) in points.Except(indexed))
            {
                findings.Tell(
                    FindingKind.ReparseNotIndexed,
                    paths.Of(reference & MftRecord.NumberMask),
                    $"its reparse point {tag:x8} is not in the index of {Where}");
            }
        }
    }
}
