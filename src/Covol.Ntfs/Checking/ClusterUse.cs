namespace Covol.Ntfs.Checking;

/// <summary>Which clusters the files say are theirs, against the bitmap.</summary>
internal sealed class ClusterUse(long clusters, Action<string> tell)
{
    private const uint Data = 0x80;
    private const ulong BadClusters = 8;

    private readonly byte[] _used = new byte[(clusters + 7) / 8];

    public void Take(MftRecord record, int clusterSize)
    {
        foreach (var attribute in record.Attributes.Where(attribute => attribute.Value is null))
        {
            foreach (var (vcn, lcn, length) in attribute.Runs)
            {
                if (lcn < 0)
                {
                    continue;
                }

                if (lcn + length > clusters)
                {
                    tell($"record {record.Number}: a run ends behind the volume");
                    continue;
                }

                for (var cluster = lcn; cluster < lcn + length; cluster++)
                {
                    if (Has(_used, cluster))
                    {
                        tell(
                            $"record {record.Number}: cluster {cluster} (file cluster {vcn + cluster - lcn}) belongs to another attribute too");
                        break;
                    }

                    _used[cluster / 8] |= (byte)(1 << (int)(cluster % 8));
                }
            }
        }

        CheckSizes(record, clusterSize);
    }

    public void Compare(byte[] bitmap)
    {
        for (var cluster = 0L; cluster < clusters; cluster++)
        {
            var marked = cluster / 8 < bitmap.Length && Has(bitmap, cluster);
            if (marked != Has(_used, cluster))
            {
                tell($"cluster {cluster}: the bitmap says {(marked ? "used" : "free")}, the files say otherwise");
            }
        }
    }

    private static bool Has(byte[] bits, long index) => (bits[index / 8] & (1 << (int)(index % 8))) != 0;

    private void CheckSizes(MftRecord record, int clusterSize)
    {
        foreach (var parts in record.Attributes.Where(attribute => attribute.Value is null)
            .GroupBy(attribute => (attribute.Type, attribute.Name)))
        {
            var pieces = parts.OrderBy(attribute => attribute.LowestVcn).ToList();
            var vcn = 0L;
            foreach (var piece in pieces)
            {
                if (piece.LowestVcn != vcn)
                {
                    tell(
                        $"record {record.Number}: an attribute of type {parts.Key.Type:x} has a gap before cluster {piece.LowestVcn}");
                }

                vcn = piece.LowestVcn + piece.Runs.Sum(run => run.Length);
            }

            var first = pieces[0];
            var isBad = record.Number == BadClusters && parts.Key is (Data, "$Bad");
            var isOrdered = first.Valid >= 0 && first.Valid <= first.Size && first.Size <= first.Allocated;
            if (!isBad && (first.Allocated != vcn * clusterSize || !isOrdered))
            {
                tell(
                    $"record {record.Number}: an attribute of type {parts.Key.Type:x} has sizes "
                    + $"{first.Valid} <= {first.Size} <= {first.Allocated}, and runs of {vcn * clusterSize} bytes");
            }
        }
    }
}
