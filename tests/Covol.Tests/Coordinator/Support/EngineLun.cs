using Covol.Lun;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Tests.Ntfs.Support;

namespace Covol.Tests.Coordinator.Support;

/// <summary>
/// A formatted LUN in memory with a cache that a flush empties and a power cut loses sectors of, and that knows who is registered. Any thread.
/// The power is cut on a copy: those who use the LUN go on, and what they do after that moment counts for nothing.
/// </summary>
internal sealed class EngineLun(SnapshotDevice device) : IBlockDevice, IReservations
{
    private readonly Lock _gate = new();
    private readonly HashSet<ReservationKey> _keys = [];

    /// <summary>What was written since the last flush, with what was there then and the last write of it, by sector.</summary>
    private readonly Dictionary<long, (byte[] Before, int Write)> _unflushed = [];
    private (SnapshotDevice Device, Dictionary<long, (byte[] Before, int Write)> Unflushed)? _cut;
    private int _writes;

    public ByteCount Size => device.Size;

    public int BlockSize => device.BlockSize;

    /// <summary>Writes and flushes until the power is cut; 0: it is not.</summary>
    public int CutsAfter { get; set; }

    public bool IsCut => _cut is not null;

    public void Read(LunByteOffset from, Span<byte> target)
    {
        lock (_gate)
        {
            device.Read(from, target);
        }
    }

    public void Write(LunByteOffset at, ReadOnlySpan<byte> source)
    {
        lock (_gate)
        {
            Remember(at.Value, source.Length);
            device.Write(at, source);
            Count();
        }
    }

    public void WriteZeroes(LunByteOffset at, ByteCount length)
    {
        lock (_gate)
        {
            Remember(at.Value, length.Value);
            device.WriteZeroes(at, length);
            Count();
        }
    }

    public void Discard(LunByteOffset at, ByteCount length)
    {
    }

    public void Flush()
    {
        lock (_gate)
        {
            _unflushed.Clear();
            Count();
        }
    }

    /// <summary>
    /// The LUN after the cut. Of what was not flushed then some is there, any sectors, any writes or only the last one, and some is not.
    /// </summary>
    public SnapshotDevice AfterCut(Random random)
    {
        var (left, unflushed) = _cut ?? throw new InvalidOperationException("The power was not cut.");
        var isTorn = random.Next(3) == 0;
        var isLastOnly = random.Next(2) == 0;
        var last = unflushed.Values.Select(known => known.Write).DefaultIfEmpty().Max();
        var lost = new Dictionary<int, bool>();
        foreach (var (sector, (before, write)) in unflushed.OrderBy(entry => entry.Key))
        {
            if (isTorn || !lost.TryGetValue(write, out var isLost))
            {
                lost[write] = isLost = !isTorn && isLastOnly ? write != last : random.Next(2) == 0;
            }

            if (isLost)
            {
                left.Write(new LunByteOffset(sector * BlockSize), before);
            }
        }

        return left;
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
        lock (_gate)
        {
            _keys.Remove(victim);
        }
    }

    public void Unregister()
    {
    }

    public void Dispose()
    {
    }

    private void Count()
    {
        if (CutsAfter > 0 && --CutsAfter == 0)
        {
            _cut = (device.Snapshot(), new Dictionary<long, (byte[], int)>(_unflushed));
        }
    }

    private void Remember(long at, long length)
    {
        _writes++;
        for (var sector = at / BlockSize; sector * BlockSize < at + length; sector++)
        {
            if (_unflushed.TryGetValue(sector, out var known))
            {
                _unflushed[sector] = known with { Write = _writes };
                continue;
            }

            var before = new byte[BlockSize];
            device.Read(new LunByteOffset(sector * BlockSize), before);
            _unflushed.Add(sector, (before, _writes));
        }
    }
}
