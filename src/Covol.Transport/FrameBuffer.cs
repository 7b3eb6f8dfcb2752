using System.Buffers;
using Covol.Protocol.Ids;
using Covol.Protocol.Wire;

namespace Covol.Transport;

/// <summary>
/// Header and fields of one frame that is on its way out, in a rented array; redirected data is referred to, not copied. One
/// owner at a time: who builds it, then the queue, then the writer, which disposes of it.
/// </summary>
internal sealed class FrameBuffer : IBufferWriter<byte>, IDisposable
{
    private const int FirstLength = 512;

    private byte[] _array = ArrayPool<byte>.Shared.Rent(FirstLength);
    private int _length = FrameHeader.Length;

    /// <summary>Follows the fields.</summary>
    public ReadOnlyMemory<byte> Data { get; private set; }

    /// <summary>Whom to ask before the frame is written and to tell after; null: nobody.</summary>
    public IFrameOwner? Owner { get; init; }

    /// <summary>The connection ends after this frame.</summary>
    public bool IsLast { get; init; }

    public ReadOnlyMemory<byte> HeaderAndFields => _array.AsMemory(0, _length);

    public void Advance(int count) => _length += count;

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _array.AsMemory(_length);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _array.AsSpan(_length);
    }

    /// <summary>Writes the header before the fields that are in here by now.</summary>
    public FrameBuffer Seal(FrameKind kind, RequestId request = default, uint tag = 0, Epoch epoch = default, ReadOnlyMemory<byte> data = default)
    {
        Data = data;
        new FrameHeader(kind, request, tag, epoch, _length - FrameHeader.Length, data.Length).Encode(_array);
        return this;
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_array);
        _array = [];
        _length = 0;
    }

    private void Reserve(int sizeHint)
    {
        var needed = _length + Math.Max(1, sizeHint);
        if (needed <= _array.Length)
        {
            return;
        }

        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(needed, _array.Length * 2));
        _array.AsSpan(0, _length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_array);
        _array = larger;
    }
}
