using System.Numerics;
using System.Runtime.InteropServices;
using Covol.Ntfs.Journal;

namespace Covol.Ntfs.Adoption;

/// <summary>The free clusters of a volume: how many, and the smallest piece that is large enough.</summary>
/// <param name="Free">Free clusters.</param>
/// <param name="Longest">Clusters of the longest free piece.</param>
/// <param name="Fit">First cluster of the shortest piece of at least the length asked for; null: there is none.</param>
internal sealed record FreeRuns(long Free, long Longest, long? Fit)
{
    private const int ChunkLength = 1 << 20;

    /// <summary>Reads the whole cluster bitmap: 32 MiB a TiB at 4 KiB clusters.</summary>
    public static FreeRuns Find(
        IVolumeDevice device, IReadOnlyList<(long Vcn, long Lcn, long Length)> bitmap, VolumeGeometry geometry, long wanted)
    {
        var scan = new Scan(wanted);
        var cluster = 0L;
        var chunk = new byte[ChunkLength];
        foreach (var (_, lcn, length) in bitmap)
        {
            var end = (lcn + length) * geometry.ClusterSize;
            for (var at = lcn * geometry.ClusterSize; at < end && cluster < geometry.Clusters;)
            {
                var bytes = chunk.AsSpan(0, (int)Math.Min(ChunkLength, end - at));
                device.Read(at, bytes);
                foreach (var word in MemoryMarshal.Cast<byte, ulong>(bytes))
                {
                    if (cluster < geometry.Clusters)
                    {
                        scan.Take(cluster, word, (int)Math.Min(64, geometry.Clusters - cluster));
                    }

                    cluster += 64;
                }

                at += bytes.Length;
            }
        }

        scan.EndRun();
        return new FreeRuns(scan.Free, scan.Longest, scan.Fit);
    }

    private sealed class Scan(long wanted)
    {
        private long _start;
        private long _length;
        private long _fitLength = long.MaxValue;

        public long Free { get; private set; }

        public long Longest { get; private set; }

        public long? Fit { get; private set; }

        public void Take(long cluster, ulong used, int count)
        {
            if (count < 64)
            {
                // What lies behind the volume's end is not free.
                used |= ulong.MaxValue << count;
            }

            Free += 64 - BitOperations.PopCount(used);
            for (var at = 0; at < 64;)
            {
                var rest = used >> at;
                var free = rest == 0 ? 64 - at : BitOperations.TrailingZeroCount(rest);
                Extend(cluster + at, free);
                at += free;
                if (at < 64)
                {
                    EndRun();
                    at += BitOperations.TrailingZeroCount(~(used >> at));
                }
            }
        }

        public void EndRun()
        {
            Longest = Math.Max(Longest, _length);
            if (_length >= wanted && _length < _fitLength)
            {
                (Fit, _fitLength) = (_start, _length);
            }

            _length = 0;
        }

        private void Extend(long cluster, int count)
        {
            if (_length == 0)
            {
                _start = cluster;
            }

            _length += count;
        }
    }
}
