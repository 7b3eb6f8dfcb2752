using Covol.Protocol.Units;

namespace Covol.Lun;

/// <summary>
/// A LUN as the metadata thread and the coordinator's data workers see it: synchronous, safe to call from several threads at
/// once. Offsets and lengths are multiples of <see cref="BlockSize"/>; memory may lie anywhere (an implementation that needs
/// alignment copies through an aligned buffer; callers that care about speed pass one). What is written is stable only
/// after the next <see cref="Flush"/>. Failures are <see cref="LunException"/>.
/// </summary>
public interface IBlockDevice : IDisposable
{
    ByteCount Size { get; }

    /// <summary>Smallest unit of direct I/O in bytes, a power of two from 512 to 4096.</summary>
    int BlockSize { get; }

    void Read(LunByteOffset from, Span<byte> target);

    void Write(LunByteOffset at, ReadOnlySpan<byte> source);

    /// <summary>Everything written before this call by this device is stable when it returns.</summary>
    void Flush();

    /// <summary>
    /// How many calls of <see cref="Flush"/> failed, of all threads. A device may throw away what it held when one fails, and say "done" to the
    /// next, so whoever flushes for himself looks whether this has changed since he wrote: a failure that counts is seen when his own flush
    /// returns. 0 where nobody else flushes the device.
    /// </summary>
    long FlushesFailed => 0;

    void WriteZeroes(LunByteOffset at, ByteCount length);

    /// <summary>The content is not needed any more. What it reads as afterwards is not defined.</summary>
    void Discard(LunByteOffset at, ByteCount length);
}
