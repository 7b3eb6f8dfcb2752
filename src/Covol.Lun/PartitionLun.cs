using Covol.Protocol.Ids;
using Covol.Protocol.Units;

namespace Covol.Lun;

/// <summary>
/// A LUN seen through one of its partitions: byte 0 is the partition's first. Reservations are the whole LUN's. Owns the LUN.
/// </summary>
public sealed class PartitionLun : ILun
{
    private readonly ILun _whole;
    private readonly ByteCount _start;

    public PartitionLun(ILun whole, Partition partition)
    {
        ArgumentNullException.ThrowIfNull(whole);
        ArgumentNullException.ThrowIfNull(partition);
        _whole = whole;
        _start = new ByteCount(partition.Start.Value);
        Size = partition.Length;
    }

    public ByteCount Size { get; }

    public int BlockSize => _whole.BlockSize;

    public int Descriptor => _whole.Descriptor;

    public long FlushesFailed => _whole.FlushesFailed;

    public long DescriptorOffset => _whole.DescriptorOffset + _start.Value;

    public void Read(LunByteOffset from, Span<byte> target)
    {
        BlockRange.Check(this, from, target.Length);
        _whole.Read(from + _start, target);
    }

    public void Write(LunByteOffset at, ReadOnlySpan<byte> source)
    {
        BlockRange.Check(this, at, source.Length);
        _whole.Write(at + _start, source);
    }

    public void Flush() => _whole.Flush();

    public void WriteZeroes(LunByteOffset at, ByteCount length)
    {
        BlockRange.Check(this, at, length.Value);
        _whole.WriteZeroes(at + _start, length);
    }

    public void Discard(LunByteOffset at, ByteCount length)
    {
        BlockRange.Check(this, at, length.Value);
        _whole.Discard(at + _start, length);
    }

    public void Register(ReservationKey key) => _whole.Register(key);

    public void Reserve() => _whole.Reserve();

    public IReadOnlyList<ReservationKey> ReadKeys() => _whole.ReadKeys();

    public void PreemptAndAbort(ReservationKey own, ReservationKey victim, TimeSpan drainLimit) =>
        _whole.PreemptAndAbort(own, victim, drainLimit);

    public void Unregister() => _whole.Unregister();

    public bool FailedWritesAreOver => _whole.FailedWritesAreOver;

    public bool TryEnter() => _whole.TryEnter();

    public void Leave() => _whole.Leave();

    public void Dispose() => _whole.Dispose();

    public override string ToString() => $"{_whole}, partition at {_start.Value}";
}
