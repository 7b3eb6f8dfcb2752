using System.Buffers.Binary;
using Covol.Protocol.Ids;
using Covol.Simulation.Worlds;

namespace Covol.Simulation.Checks;

/// <summary>
/// What may be read of one file, in granules of 128 bytes that each name their write. A value is right when its write was asked for before
/// the read ended, and no other write lies wholly between the two.
/// </summary>
internal sealed class FileContent(World world, FileId file)
{
    public const int Granule = 128;

    private readonly List<List<WriteOperation>> _granules = [];
    private readonly Dictionary<long, WriteOperation> _all = [];

    // Those that a fsync may still make stable.
    private readonly List<WriteOperation> _unstable = [];
    private long _powerCut = -1;

    public FileId File => file;

    /// <summary>How far it was ever written, in granules.</summary>
    public int Written { get; private set; }

    /// <summary>
    /// The file's tail is over: what lies behind the data that is valid then was not told, and is lost unless a fsync says otherwise.
    /// </summary>
    public void TailEnded(long valid)
    {
        foreach (var write in _unstable.Where(write => write.IsInTail && (long)(write.First + write.Count) * Granule > valid).ToArray())
        {
            write.TakenAlong(world.Now);
        }
    }

    /// <summary>Whether a granule may be shown by this file at all: it holds nothing, or a write of this file.</summary>
    public bool Has(ReadOnlySpan<byte> granule) => BinaryPrimitives.ReadInt64LittleEndian(granule) is var id && (id == 0 || _all.ContainsKey(id));

    public WriteOperation Begin(long id, string program, int first, int count, bool isZero)
    {
        var operation = new WriteOperation(id, program, isZero, world.Now) { Count = count };
        _all.Add(id, operation);
        _unstable.Add(operation);
        if (first >= 0)
        {
            Place(operation, first);
        }

        return operation;
    }

    /// <summary>An append's place became known.</summary>
    public void Place(WriteOperation operation, int first)
    {
        if (operation.First >= 0)
        {
            if (operation.First != first)
            {
                world.Break("I5", $"{operation} of {file} lies at granule {operation.First} and at {first}: it was carried out twice");
            }

            return;
        }

        operation.First = first;
        Written = operation.IsZero ? Written : Math.Max(Written, first + operation.Count);
        while (_granules.Count < first + operation.Count)
        {
            _granules.Add([]);
        }

        for (var index = first; index < first + operation.Count; index++)
        {
            // In the order in which they were asked for; an append's place is known late.
            var writes = _granules[index];
            var at = writes.Count;
            while (at > 0 && writes[at - 1].Invoked > operation.Invoked)
            {
                at--;
            }

            writes.Insert(at, operation);
        }
    }

    /// <summary>A fsync asked for at a time was answered. With <paramref name="process"/> it covers that one's writes only.</summary>
    public void Synchronized(long asked, string process = "")
    {
        foreach (var operation in _unstable)
        {
            operation.IsStable |= operation.Succeeded && operation.Ended < asked
                && operation.Program.StartsWith(process, StringComparison.Ordinal);
        }

        _unstable.RemoveAll(static operation => operation.IsStable);
    }

    /// <summary>Of what was asked for by now only what was stable is certain from now on.</summary>
    public void PowerCut()
    {
        _powerCut = world.Now;
        foreach (var operation in _all.Values)
        {
            operation.PowerCut(world.Now);
        }

        _unstable.Clear();
    }

    /// <summary>The bytes of a write.</summary>
    public static byte[] Bytes(long id, int count)
    {
        var bytes = new byte[count * Granule];
        for (var index = 0; index < count; index++)
        {
            var granule = bytes.AsSpan(index * Granule, Granule);
            for (var at = 0; at < Granule; at += 16)
            {
                BinaryPrimitives.WriteInt64LittleEndian(granule[at..], id);
                BinaryPrimitives.WriteInt64LittleEndian(granule[(at + 8)..], index);
            }
        }

        return bytes;
    }

    /// <summary>Checks what a read gave, whole granules from <paramref name="first"/>; what it did not give counts as zeroes.</summary>
    public void Check(string reader, long asked, int first, ReadOnlySpan<byte> bytes, int wanted)
    {
        for (var index = 0; index < wanted && !world.IsOver; index++)
        {
            var granule = first + index;
            var content = (index + 1) * Granule <= bytes.Length ? bytes.Slice(index * Granule, Granule) : default;
            var (id, within) = content.IsEmpty ? (0, 0) : Named(content);
            if (id < 0)
            {
                world.Break("I7", $"{reader} read a torn granule {granule} of {file}");
                return;
            }

            CheckOne(reader, asked, granule, id, within);
        }
    }

    private void CheckOne(string reader, long asked, int granule, long id, long within)
    {
        if (id != 0)
        {
            if (!_all.TryGetValue(id, out var known))
            {
                world.Break("I7", $"{reader} read granule {granule} of {file}: it holds write {id} of another file");
                return;
            }

            Place(known, granule - (int)within);
            if (world.IsOver)
            {
                return;
            }
        }

        var writes = granule < _granules.Count ? _granules[granule] : [];
        WriteOperation? hidden = null;
        WriteOperation? newest = null;
        for (var index = writes.Count - 1; index >= 0; index--)
        {
            // From the newest on: it is what most reads see.
            var write = writes[index];
            if (id == 0 ? write.IsZero : write.Id == id)
            {
                newest ??= write;
                hidden = HiddenBy(write.Ended, writes, asked);
                if (hidden is null)
                {
                    return;
                }
            }
        }

        if (id == 0 && newest is null)
        {
            // It was zero before anything was written.
            hidden = HiddenBy(-1, writes, asked);
            if (hidden is null)
            {
                return;
            }
        }

        var seen = newest?.ToString() ?? (id == 0 ? "zeroes of before it was written" : _all[id].ToString());
        world.Break(
            hidden?.Ended <= _powerCut ? "I6" : "I3",
            hidden is not null
                ? $"{reader} read granule {granule} of {file}: it holds {seen}, but {hidden} came after that and was answered"
                : $"{reader} read granule {granule} of {file}: it holds {seen}, which was never written there");
    }

    /// <summary>A write that began after this one was over and was answered before the read began.</summary>
    private static WriteOperation? HiddenBy(long ended, List<WriteOperation> writes, long asked)
    {
        for (var index = writes.Count - 1; index >= 0 && writes[index].Invoked > ended; index--)
        {
            var write = writes[index];
            if (write.Succeeded && write.Ended < asked)
            {
                return write;
            }
        }

        return null;
    }

    private static (long Id, long Within) Named(ReadOnlySpan<byte> granule)
    {
        var id = BinaryPrimitives.ReadInt64LittleEndian(granule);
        var within = BinaryPrimitives.ReadInt64LittleEndian(granule[8..]);
        for (var at = 16; at < Granule; at += 16)
        {
            if (BinaryPrimitives.ReadInt64LittleEndian(granule[at..]) != id
                || BinaryPrimitives.ReadInt64LittleEndian(granule[(at + 8)..]) != within)
            {
                return (-1, 0);
            }
        }

        return (id, within);
    }
}
