using Covol.Lun;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;

namespace Covol.Tests.Mount;

/// <summary>One opening of a LUN that a test plays: who is registered, and whether the path is there.</summary>
internal sealed class PlayedLun : ILun
{
    public bool IsPathLost { get; set; }

    public bool IsDisposed { get; private set; }

    public ReservationKey? Key { get; private set; }

    public bool WasUnregistered { get; private set; }

    public ByteCount Size => ByteCount.FromMebibytes(1);

    public int BlockSize => 512;

    public int Descriptor => -1;

    public long DescriptorOffset => 0;

    public void Read(LunByteOffset from, Span<byte> target)
    {
        if (IsPathLost)
        {
            throw new LunException(LunError.PathLost, "The path is gone.");
        }
    }

    public void Register(ReservationKey key) => Key = key;

    public void Unregister() => WasUnregistered = true;

    public bool FailedWritesAreOver => true;

    public bool TryEnter() => Key is not null;

    public void Leave()
    {
        // Nobody counts here.
    }

    public void Dispose() => IsDisposed = true;

    public void Write(LunByteOffset at, ReadOnlySpan<byte> source) => throw new InvalidOperationException("A test's LUN is not written.");

    public void Flush() => throw new InvalidOperationException("A test's LUN is not written.");

    public void WriteZeroes(LunByteOffset at, ByteCount length) => throw new InvalidOperationException("A test's LUN is not written.");

    public void Discard(LunByteOffset at, ByteCount length) => throw new InvalidOperationException("A test's LUN is not written.");

    public void Reserve() => throw new InvalidOperationException("A node does not reserve.");

    public IReadOnlyList<ReservationKey> ReadKeys() => Key is { } key ? [key] : [];

    public void PreemptAndAbort(ReservationKey own, ReservationKey victim, TimeSpan drainLimit) =>
        throw new InvalidOperationException("A node does not fence.");
}
