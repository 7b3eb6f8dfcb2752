namespace Covol.Ntfs.Checking;

/// <summary>What an attribute that lies in clusters says of its sizes, against its runs.</summary>
internal static class SizeCheck
{
    public static void Run(MftAttribute first, MftRecord record, int clusterSize, Func<string> where, FindingList findings)
    {
        var pieces = record.Attributes.Any(attribute => attribute.LowestVcn > 0)
            ? record.Attributes.Where(piece => piece.Value is null && piece.Type == first.Type && piece.Name == first.Name)
                .OrderBy(piece => piece.LowestVcn).ToList()
            : [first];
        var covered = Covered(pieces);
        if (first.Allocated != covered * clusterSize)
        {
            findings.Tell(
                FindingKind.AllocatedSize,
                where(),
                $"its attribute {first.Type:x} claims {first.Allocated} bytes, its runs have {covered * clusterSize}");
        }
        else if (first.Valid < 0 || first.Valid > first.Size || first.Size > first.Allocated)
        {
            findings.Tell(
                FindingKind.SizesOutOfOrder,
                where(),
                $"its attribute {first.Type:x} has {first.Valid} valid bytes of {first.Size} in {first.Allocated} allocated");
        }
        else if (first.IsCompressed || first.IsSparse)
        {
            LookAtHoles(first, pieces, clusterSize, where, findings);
        }
    }

    /// <summary>Clusters of all pieces; a piece that does not begin where the one before ended makes the sum wrong on purpose.</summary>
    private static long Covered(List<MftAttribute> pieces)
    {
        var covered = 0L;
        foreach (var piece in pieces)
        {
            covered = piece.LowestVcn == covered ? covered + piece.Runs.Sum(run => run.Length) : -1;
        }

        return covered;
    }

    private static void LookAtHoles(
        MftAttribute first, List<MftAttribute> pieces, int clusterSize, Func<string> where, FindingList findings)
    {
        var onDisk = pieces.Sum(piece => piece.Runs.Where(run => run.Lcn >= 0).Sum(run => run.Length)) * clusterSize;
        if (first.OnDisk != onDisk)
        {
            findings.Tell(
                FindingKind.CompressedSize,
                where(),
                $"its attribute {first.Type:x} claims {first.OnDisk ?? 0} bytes without its holes, its runs have {onDisk}");
        }

        if (first.IsCompressed && Torn(first.Unit, pieces) is { } vcn)
        {
            findings.Tell(
                FindingKind.CompressionUnit,
                where(),
                $"its attribute {first.Type:x} has a cluster behind a hole in the compression unit of cluster {vcn}, so that cannot be read");
        }
    }

    /// <summary>A unit begins with what it was compressed to and ends with a hole; null: all do.</summary>
    private static long? Torn(long unit, List<MftAttribute> pieces)
    {
        var wasHole = false;
        foreach (var (vcn, lcn, _) in pieces.SelectMany(piece => piece.Runs))
        {
            if (wasHole && lcn >= 0 && vcn % unit != 0)
            {
                return vcn / unit * unit;
            }

            wasHole = lcn < 0;
        }

        return null;
    }
}
