using System.Buffers;

namespace Covol.Mount;

/// <summary>A FUSE request's native memory as a <see cref="Memory{T}"/>, for the redirected route. Valid until the request is answered.</summary>
internal sealed unsafe class RequestMemory : MemoryManager<byte>
{
    private readonly byte* _start;
    private readonly int _length;

    public RequestMemory(nint start, int length)
    {
        _start = (byte*)start;
        _length = length;
    }

    public override Span<byte> GetSpan() => new(_start, _length);

    /// <summary>The memory never moves.</summary>
    public override MemoryHandle Pin(int elementIndex = 0)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)_length);
        return new MemoryHandle(_start + elementIndex);
    }

    public override void Unpin()
    {
        // Nothing was pinned.
    }

    protected override void Dispose(bool disposing)
    {
        // The memory belongs to the FUSE server.
    }
}
