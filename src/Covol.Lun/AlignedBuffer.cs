using System.Runtime.InteropServices;

namespace Covol.Lun;

/// <summary>
/// Native memory for direct I/O: begins on a page boundary, never moves, starts zeroed. One owner, who disposes it after the
/// last I/O on it has ended; spans and the address are void after that. Not synchronised.
/// </summary>
public sealed unsafe class AlignedBuffer : IDisposable
{
    /// <summary>In bytes. No Linux file system or disk asks direct I/O for a coarser alignment of memory.</summary>
    public const int Alignment = 4096;

    /// <summary>Largest buffer in bytes.</summary>
    public const int LengthMax = 1 << 30;

    private byte* _memory;

    /// <param name="length">In bytes, from 1 to <see cref="LengthMax"/>; need not be aligned.</param>
    public AlignedBuffer(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, LengthMax);
        _memory = (byte*)NativeMemory.AlignedAlloc((nuint)length, Alignment);
        Length = length;
        GC.AddMemoryPressure(length);
        NativeMemory.Clear(_memory, (nuint)length);
    }

    ~AlignedBuffer() => Free();

    /// <summary>In bytes.</summary>
    public int Length { get; }

    /// <summary>For a system call; valid as long as the buffer is not disposed.</summary>
    public nint Address
    {
        get
        {
            ObjectDisposedException.ThrowIf(_memory is null, this);
            return (nint)_memory;
        }
    }

    public Span<byte> GetSpan()
    {
        ObjectDisposedException.ThrowIf(_memory is null, this);
        return new Span<byte>(_memory, Length);
    }

    public Span<byte> GetSpan(int start, int length) => GetSpan().Slice(start, length);

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (_memory is null)
        {
            return;
        }

        NativeMemory.AlignedFree(_memory);
        _memory = null;
        GC.RemoveMemoryPressure(Length);
    }
}
