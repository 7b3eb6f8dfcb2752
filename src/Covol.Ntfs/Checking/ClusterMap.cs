using System.Numerics;
using System.Runtime.InteropServices;

namespace Covol.Ntfs.Checking;

/// <summary>
/// Which clusters the files say are theirs, a bit each, in pieces that exist once something lies there; and the comparison with $Bitmap.
/// </summary>
internal sealed class ClusterMap(long clusters, FindingList findings)
{
    private const int PieceBits = 23;
    private const long PieceClusters = 1L << PieceBits;
    private const int SharedMax = 100;

    private readonly ulong[]?[] _pieces = new ulong[]?[(clusters + PieceClusters - 1) / PieceClusters];
    private readonly List<(long First, long End)> _shared = [];

    /// <summary>Clusters that more than one attribute claims, the first of them.</summary>
    public IReadOnlyList<(long First, long End)> Shared => _shared;

    /// <summary>Something's clusters could not be read: what the bitmap says beyond the rest may be right.</summary>
    public bool IsIncomplete { get; set; }

    public void Take(long first, long length)
    {
        var end = first + length;
        for (var at = first; at < end;)
        {
            var piece = _pieces[at >> PieceBits] ??= new ulong[PieceClusters / 64];
            var within = at & (PieceClusters - 1);
            var bit = (int)(within & 63);
            var take = (int)Math.Min(64 - bit, end - at);
            var mask = (take == 64 ? ulong.MaxValue : (1UL << take) - 1) << bit;
            ref var word = ref piece[within >> 6];
            if ((word & mask) != 0)
            {
                Share(at - bit, word & mask);
            }

            word |= mask;
            at += take;
        }
    }

    /// <summary>Compares with the volume's own bitmap, which is read in large pieces.</summary>
    public void Compare(AttributeContent bitmap)
    {
        var bytes = new byte[1 << 20];
        var (missing, lost) = (new Range(findings, FindingKind.ClusterNotMarked), new Range(findings, FindingKind.ClusterLost));
        for (var start = 0L; start < clusters; start += bytes.Length * 8L)
        {
            var length = (int)Math.Min(bytes.Length, ((clusters - start) + 7) / 8);
            if (!bitmap.TryRead(start / 8, bytes.AsSpan(0, length)))
            {
                findings.Tell(FindingKind.TableUnreadable, "$Bitmap", $"its content for cluster {start} and those behind it cannot be read");
                return;
            }

            bytes.AsSpan(length).Clear();
            var words = MemoryMarshal.Cast<byte, ulong>(bytes.AsSpan(0, (length + 7) & ~7));
            for (var index = 0; index < words.Length; index++)
            {
                var at = start + (index * 64L);
                var valid = clusters - at >= 64 ? ulong.MaxValue : (1UL << (int)(clusters - at)) - 1;
                var used = _pieces[at >> PieceBits]?[(at & (PieceClusters - 1)) >> 6] ?? 0;
                missing.Add(at, used & ~words[index] & valid);
                lost.Add(at, IsIncomplete ? 0 : words[index] & ~used & valid);
            }
        }

        missing.End("used by a file, but free in $Bitmap");
        lost.End("used in $Bitmap, but nobody's");
    }

    private void Share(long at, ulong bits)
    {
        for (; bits != 0; bits &= bits - 1)
        {
            var cluster = at + BitOperations.TrailingZeroCount(bits);
            if (_shared.Count > 0 && _shared[^1].End == cluster)
            {
                _shared[^1] = (_shared[^1].First, cluster + 1);
            }
            else if (_shared.Count < SharedMax)
            {
                _shared.Add((cluster, cluster + 1));
            }
        }
    }

    /// <summary>Puts neighbours together: one finding for a stretch, not for each cluster.</summary>
    private sealed class Range(FindingList findings, FindingKind kind)
    {
        private readonly List<(long First, long End)> _ranges = [];
        private long _more;

        public void Add(long at, ulong bits)
        {
            for (; bits != 0; bits &= bits - 1)
            {
                var cluster = at + BitOperations.TrailingZeroCount(bits);
                if (_ranges.Count > 0 && _ranges[^1].End == cluster)
                {
                    _ranges[^1] = (_ranges[^1].First, cluster + 1);
                }
                else if (_ranges.Count < VolumeChecker.FindingsMax)
                {
                    _ranges.Add((cluster, cluster + 1));
                }
                else
                {
                    _more++;
                }
            }
        }

        public void End(string what)
        {
            foreach (var (first, end) in _ranges)
            {
                findings.Tell(kind, end - first == 1 ? $"cluster {first}" : $"clusters {first} to {end - 1}", what);
            }

            if (_more > 0)
            {
                findings.Tell(kind, "more clusters", $"{_more} more are {what}");
            }
        }
    }
}
