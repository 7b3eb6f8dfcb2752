using Covol.Lun;
using Covol.Ntfs;
using Covol.Protocol;
using Covol.Protocol.Units;

namespace Covol.Coordinator.Data;

/// <summary>
/// Reads and writes of file data on the LUN by byte positions, inside one <see cref="FileMap"/>. Blocking: on data workers. The
/// file's gate keeps the map true meanwhile.
/// </summary>
internal sealed class FileData
{
    /// <summary>The most that is zeroed with one call of the LUN, so that a fence never waits long for it.</summary>
    private const int ZeroStepMax = 8 << 20;

    private readonly IBlockDevice _lun;
    private readonly int _block;

    public FileData(IBlockDevice lun)
    {
        _lun = lun;
        _block = lun.BlockSize;
    }

    public int BlockSize => _block;

    public long Down(long position) => position & ~(long)(_block - 1);

    public long Up(long position) => checked(position + _block - 1) & ~(long)(_block - 1);

    /// <summary>
    /// The bytes [start, start+length) as programs see them: zero past valid length and in holes. Whole blocks are read into
    /// an array
    /// of its own, so that nothing is copied again.
    /// </summary>
    public ReadOnlyMemory<byte> Read(FileMap map, long start, int length)
    {
        var from = Down(start);
        var target = new byte[checked((int)(Up(start + length) - from))];
        var readable = Math.Min(Up(map.ValidLength.Value), from + target.Length);
        foreach (var (at, lun, count) in Pieces(map, from, readable))
        {
            _lun.Read(lun, target.AsSpan((int)(at - from), count));
        }

        if (map.ValidLength.Value < from + target.Length)
        {
            // What lies in the last block after valid length is whatever was there before.
            target.AsSpan((int)Math.Max(0, map.ValidLength.Value - from)).Clear();
        }

        return target.AsMemory((int)(start - from), length);
    }

    /// <summary>Whether each block of [start, end) has a place on the LUN.</summary>
    public bool Covers(FileMap map, long start, long end)
    {
        var at = Down(start);
        var upTo = Up(end);
        for (var index = FirstEndingAfter(map.Extents, at); at < upTo && index < map.Extents.Count; index++)
        {
            var extent = map.Extents[index];
            if (extent.FileStart.Value > at)
            {
                break;
            }

            at = extent.FileEnd.Value;
        }

        return at >= upTo;
    }

    /// <summary>Writes whole blocks.</summary>
    public void WriteBlocks(FileMap map, long start, ReadOnlySpan<byte> data)
    {
        Invariant.Holds(
            Down(start) == start && Down(data.Length) == data.Length, "Part of a block was to be written without its rest.");
        var written = 0;
        foreach (var (at, lun, count) in Pieces(map, start, start + data.Length))
        {
            _lun.Write(lun, data.Slice((int)(at - start), count));
            written += count;
        }

        Invariant.Holds(written == data.Length, "Data was to be written into a hole.");
    }

    /// <summary>
    /// Writes bytes anywhere. In the blocks at both ends, what is valid and not overwritten stays; what is past valid length
    /// becomes
    /// zero, so that raising valid length over it later shows nothing old (SAFETY I7).
    /// </summary>
    public void WriteBytes(FileMap map, long start, ReadOnlySpan<byte> data)
    {
        var from = Down(start);
        var end = start + data.Length;
        var upTo = Up(end);
        if (from == start && upTo == end)
        {
            WriteBlocks(map, start, data);
            return;
        }

        var whole = new byte[checked((int)(upTo - from))];
        if (from != start)
        {
            ReadValid(map, from, whole.AsSpan(0, _block));
        }

        if (upTo != end && (from == start || upTo - from > _block))
        {
            ReadValid(map, upTo - _block, whole.AsSpan(whole.Length - _block));
        }

        data.CopyTo(whole.AsSpan((int)(start - from)));
        WriteBlocks(map, from, whole);
    }

    /// <summary>
    /// Makes [start, end) zero on the LUN, at most <paramref name="step"/> bytes of it; answers up to where it is. End is a block's end.
    /// </summary>
    public long ZeroStep(FileMap map, long start, long end, long step)
    {
        var from = start;
        if (Down(from) != from)
        {
            var edge = new byte[_block];
            ReadValid(map, Down(from), edge);
            edge.AsSpan((int)(from - Down(from))).Clear();
            WriteBlocks(map, Down(from), edge);
            from = Down(from) + _block;
        }

        var upTo = Math.Min(end, from + Math.Min(step, ZeroStepMax));
        if (from >= upTo)
        {
            return Math.Max(from, end);
        }

        long zeroed = 0;
        foreach (var (_, lun, count) in Pieces(map, from, upTo))
        {
            _lun.WriteZeroes(lun, new ByteCount(count));
            zeroed += count;
        }

        Invariant.Holds(zeroed == upTo - from, "Zeroes were to be written into a hole.");
        return upTo;
    }

    public void Flush() => _lun.Flush();

    /// <summary>Makes places zero that belong to no valid data yet.</summary>
    public void WriteZeroes(IReadOnlyList<FileExtent> places)
    {
        foreach (var place in places)
        {
            for (long done = 0; done < place.Length.Value; done += ZeroStepMax)
            {
                _lun.WriteZeroes(
                    place.LunStart + new ByteCount(done), new ByteCount(Math.Min(ZeroStepMax, place.Length.Value - done)));
            }
        }
    }

    /// <summary>Which of the clusters behind <paramref name="spare"/> take the place of which hole, in their order; there are enough.</summary>
    public static List<FileExtent> Place(IReadOnlyList<(long Start, long Length)> holes, FileMap map, long spare)
    {
        var placed = new List<FileExtent>();
        var index = FirstEndingAfter(map.Extents, spare);
        var used = spare;
        foreach (var (start, length) in holes)
        {
            for (long done = 0; done < length;)
            {
                var source = map.Extents[index];
                var from = Math.Max(used, source.FileStart.Value);
                var count = Math.Min(length - done, source.FileEnd.Value - from);
                placed.Add(new FileExtent(
                    new FileByteOffset(start + done), source.LunStart + new ByteCount(from - source.FileStart.Value), new ByteCount(count)));
                done += count;
                used = from + count;
                index += used == source.FileEnd.Value ? 1 : 0;
            }
        }

        return placed;
    }

    /// <summary>The parts of [start, end) that have a place, in file order; both ends are whole blocks, or a hole's neighbours.</summary>
    public static List<(long Start, long End)> Parts(FileMap map, long start, long end)
    {
        var parts = new List<(long, long)>();
        for (var index = FirstEndingAfter(map.Extents, start); index < map.Extents.Count; index++)
        {
            var extent = map.Extents[index];
            if (extent.FileStart.Value >= end)
            {
                break;
            }

            var part = (Start: Math.Max(start, extent.FileStart.Value), End: Math.Min(end, extent.FileEnd.Value));
            if (parts.Count > 0 && parts[^1].Item2 == part.Start)
            {
                parts[^1] = (parts[^1].Item1, part.End);
            }
            else
            {
                parts.Add(part);
            }
        }

        return parts;
    }

    private void ReadValid(FileMap map, long blockStart, Span<byte> block)
    {
        var valid = map.ValidLength.Value - blockStart;
        if (valid <= 0)
        {
            block.Clear();
            return;
        }

        foreach (var (_, lun, count) in Pieces(map, blockStart, blockStart + _block))
        {
            _lun.Read(lun, block[..count]);
        }

        if (valid < _block)
        {
            block[(int)valid..].Clear();
        }
    }

    /// <summary>Where [start, end) lies; nothing where it is empty or, past valid length, ends before it begins.</summary>
    private static IEnumerable<(long At, LunByteOffset Lun, int Count)> Pieces(FileMap map, long start, long end)
    {
        if (start >= end)
        {
            yield break;
        }

        for (var index = FirstEndingAfter(map.Extents, start); index < map.Extents.Count; index++)
        {
            var extent = map.Extents[index];
            if (extent.FileStart.Value >= end)
            {
                yield break;
            }

            var from = Math.Max(start, extent.FileStart.Value);
            var count = (int)(Math.Min(end, extent.FileEnd.Value) - from);
            yield return (from, extent.LunStart + new ByteCount(from - extent.FileStart.Value), count);
        }
    }

    /// <summary>
    /// The extent that a position lies in, or the next one behind it; their count where there is none. By halves: a file may have a hundred
    /// thousand, and the coordinator's thread looks for each request.
    /// </summary>
    public static int FirstEndingAfter(IReadOnlyList<FileExtent> extents, long position)
    {
        var low = 0;
        var high = extents.Count;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (extents[middle].FileEnd.Value > position)
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
}
