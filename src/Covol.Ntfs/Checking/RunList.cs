namespace Covol.Ntfs.Checking;

/// <summary>Mapping pairs of a non-resident attribute (the format is described in ntfs-3g's runlist.c and Linux' fs/ntfs3).</summary>
internal static class RunList
{
    /// <summary>Runs in clusters; Lcn -1 is a hole. Null where the bytes are no run list.</summary>
    public static List<(long Vcn, long Lcn, long Length)>? Decode(ReadOnlySpan<byte> pairs, long firstVcn)
    {
        var runs = new List<(long, long, long)>();
        var (vcn, lcn) = (firstVcn, 0L);
        while (pairs.Length > 0 && pairs[0] != 0)
        {
            var lengthBytes = pairs[0] & 0xF;
            var offsetBytes = pairs[0] >> 4;
            if (lengthBytes is 0 or > 8 || offsetBytes > 8 || 1 + lengthBytes + offsetBytes > pairs.Length)
            {
                return null;
            }

            var length = Signed(pairs.Slice(1, lengthBytes));
            if (length <= 0 || length > long.MaxValue / (2 << 20) - vcn)
            {
                return null;
            }

            if (offsetBytes > 0)
            {
                lcn += Signed(pairs.Slice(1 + lengthBytes, offsetBytes));
                if (lcn < 0)
                {
                    return null;
                }
            }

            runs.Add((vcn, offsetBytes == 0 ? -1 : lcn, length));
            vcn += length;
            pairs = pairs[(1 + lengthBytes + offsetBytes)..];
        }

        return runs;
    }

    private static long Signed(ReadOnlySpan<byte> bytes)
    {
        long value = (sbyte)bytes[^1];
        for (var index = bytes.Length - 2; index >= 0; index--)
        {
            value = (value << 8) | bytes[index];
        }

        return value;
    }
}
