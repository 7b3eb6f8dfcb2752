using System.Runtime.InteropServices;
using Covol.Lun;

namespace Covol.Ntfs.Journal;

/// <summary>
/// Bytes that begin where direct I/O wants them, so that they go to the LUN as they are and in one write. The garbage collector's, unlike
/// <see cref="AlignedBuffer"/>: a journal that is given up has no end of its own.
/// </summary>
internal sealed class AlignedArray
{
    private readonly byte[] _bytes;
    private readonly int _start;

    public AlignedArray(int length)
    {
        Length = length;
        _bytes = GC.AllocateUninitializedArray<byte>(length + AlignedBuffer.Alignment, pinned: true);
        var address = Marshal.UnsafeAddrOfPinnedArrayElement(_bytes, 0);
        _start = (int)(-address & (AlignedBuffer.Alignment - 1));
    }

    /// <summary>In bytes.</summary>
    public int Length { get; }

    public Span<byte> GetSpan(int start, int length) => _bytes.AsSpan(_start, Length).Slice(start, length);
}
