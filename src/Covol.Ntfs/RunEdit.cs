using Covol.Protocol;

namespace Covol.Ntfs;

/// <summary>A file's run list while it is changed: what is put over a range replaces what was there.</summary>
internal sealed class RunEdit
{
    public const long Hole = -1;

    private readonly List<(long Vcn, long Lcn, long Length)> _runs;

    /// <param name="runs">In file order, without gaps, from 0; holes have Lcn -1.</param>
    public RunEdit(IEnumerable<(long Vcn, long Lcn, long Length)> runs) => _runs = [.. runs];

    public IReadOnlyList<(long Vcn, long Lcn, long Length)> Runs => _runs;

    /// <summary>One past the last cluster.</summary>
    public long End => _runs.Count == 0 ? 0 : _runs[^1].Vcn + _runs[^1].Length;

    /// <summary>Makes [vcn, vcn + length) lie at lcn, or be a hole. Neighbours that fit together become one run.</summary>
    public void Put(long vcn, long lcn, long length)
    {
        Invariant.Holds(length > 0 && vcn >= 0 && vcn + length <= End, "A run was put outside of its file.");
        var first = Split(vcn);
        var next = Split(vcn + length);
        _runs.RemoveRange(first, next - first);
        _runs.Insert(first, (vcn, lcn, length));
        TryJoin(first);
        TryJoin(first - 1);
    }

    /// <summary>One past the last cluster that is no hole.</summary>
    public long EndOfClusters => _runs.FindLast(run => run.Lcn >= 0) is { Length: > 0 } last ? last.Vcn + last.Length : 0;

    /// <summary>Moves all clusters from a place on together, in their order, and the holes between them to the end.</summary>
    public void Gather(long from)
    {
        if (from >= End)
        {
            return;
        }

        var parts = Parts(from, End, holes: false);
        Put(from, Hole, End - from);
        foreach (var (_, lcn, length) in parts)
        {
            Put(from, lcn, length);
            from += length;
        }
    }

    /// <summary>The parts of [vcn, end) that have clusters, or have none, in file order.</summary>
    public List<(long Vcn, long Lcn, long Length)> Parts(long vcn, long end, bool holes)
    {
        var parts = new List<(long, long, long)>();
        for (var index = Find(vcn); index < _runs.Count && _runs[index].Vcn < end; index++)
        {
            var (start, lcn, length) = _runs[index];
            var from = Math.Max(start, vcn);
            var upTo = Math.Min(start + length, end);
            if (upTo > from && lcn < 0 == holes)
            {
                parts.Add((from, lcn < 0 ? Hole : lcn + (from - start), upTo - from));
            }
        }

        return parts;
    }

    /// <summary>The run that holds a cluster, or the count of runs.</summary>
    private int Find(long vcn)
    {
        int low = 0, high = _runs.Count;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (_runs[middle].Vcn + _runs[middle].Length > vcn)
            {
                high = middle;
            }
            else
            {
                low = middle + 1;
            }
        }

        return low;
    }

    /// <summary>Makes a run begin at a cluster; answers which.</summary>
    private int Split(long vcn)
    {
        var index = Find(vcn);
        if (index == _runs.Count || _runs[index].Vcn == vcn)
        {
            return index;
        }

        var (start, lcn, length) = _runs[index];
        var head = vcn - start;
        _runs[index] = (start, lcn, head);
        _runs.Insert(index + 1, (vcn, lcn < 0 ? Hole : lcn + head, length - head));
        return index + 1;
    }

    private void TryJoin(int index)
    {
        if (index < 0 || index + 1 >= _runs.Count)
        {
            return;
        }

        var (vcn, lcn, length) = _runs[index];
        var next = _runs[index + 1];
        if (lcn < 0 ? next.Lcn < 0 : next.Lcn == lcn + length)
        {
            _runs[index] = (vcn, lcn, length + next.Length);
            _runs.RemoveAt(index + 1);
        }
    }
}
