using Covol.Lun;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;

namespace Covol.Tests.Coordinator.Support;

/// <summary>A LUN in memory, filled with old content, that knows what was flushed and who is registered.</summary>
internal sealed class ArrayLun : IBlockDevice, IReservations
{
    /// <summary>What clusters hold before anybody wrote them. Whoever sees it sees somebody else's old bytes.</summary>
    public const byte Old = 0xEE;

    private readonly Lock _gate = new();
    private readonly byte[] _bytes;
    private readonly HashSet<ReservationKey> _keys = [];
    private readonly List<ReservationKey> _fenced = [];
    private int _fencesBegun;
    private int _flushes;
    private int _flushesToFail;

    public ArrayLun(int size)
    {
        _bytes = new byte[size];
        _bytes.AsSpan().Fill(Old);
    }

    public ByteCount Size => new(_bytes.Length);

    public int BlockSize => 512;

    public int Flushes => Volatile.Read(ref _flushes);

    public IReadOnlyList<ReservationKey> Fenced
    {
        get
        {
            lock (_gate)
            {
                return [.. _fenced];
            }
        }
    }

    public int FencesBegun => Volatile.Read(ref _fencesBegun);

    /// <summary>While not set, fences wait here.</summary>
    public ManualResetEventSlim FenceMayEnd { get; } = new(true);

    /// <summary>Called with each write, before it lands; may wait.</summary>
    public Action<long, int>? BeforeWrite { get; set; }

    /// <summary>Called with each flush, before it is done; may wait.</summary>
    public Action? BeforeFlush { get; set; }

    /// <summary>Called with each range of zeroes, before it lands; may wait.</summary>
    public Action<long, long>? BeforeZeroes { get; set; }

    /// <summary>Called with each read, after it was done; may wait.</summary>
    public Action? AfterRead { get; set; }

    public void Read(LunByteOffset from, Span<byte> target)
    {
        lock (_gate)
        {
            _bytes.AsSpan((int)from.Value, target.Length).CopyTo(target);
        }

        AfterRead?.Invoke();
    }

    public void Write(LunByteOffset at, ReadOnlySpan<byte> source)
    {
        BeforeWrite?.Invoke(at.Value, source.Length);
        lock (_gate)
        {
            source.CopyTo(_bytes.AsSpan((int)at.Value));
        }
    }

    /// <summary>The next flushes fail; those after them say "done", whatever became of the data.</summary>
    public void FailFlushes(int count) => Volatile.Write(ref _flushesToFail, count);

    public void Flush()
    {
        BeforeFlush?.Invoke();
        if (Interlocked.Decrement(ref _flushesToFail) >= 0)
        {
            throw new LunException(LunError.MediaFailed, "The disk failed the flush.");
        }

        Interlocked.Increment(ref _flushes);
    }

    public void WriteZeroes(LunByteOffset at, ByteCount length)
    {
        BeforeZeroes?.Invoke(at.Value, length.Value);
        lock (_gate)
        {
            _bytes.AsSpan((int)at.Value, (int)length.Value).Clear();
        }
    }

    public void Discard(LunByteOffset at, ByteCount length)
    {
    }

    public void Register(ReservationKey key)
    {
        lock (_gate)
        {
            _keys.Add(key);
        }
    }

    public void Reserve()
    {
    }

    public IReadOnlyList<ReservationKey> ReadKeys()
    {
        lock (_gate)
        {
            return [.. _keys];
        }
    }

    public void PreemptAndAbort(ReservationKey own, ReservationKey victim, TimeSpan drainLimit)
    {
        Interlocked.Increment(ref _fencesBegun);
        FenceMayEnd.Wait(drainLimit);
        lock (_gate)
        {
            _keys.Remove(victim);
            _fenced.Add(victim);
        }
    }

    public void Unregister()
    {
    }

    public void Dispose() => FenceMayEnd.Dispose();
}
