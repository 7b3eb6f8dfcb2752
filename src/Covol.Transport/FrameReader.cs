using Covol.Protocol.Wire;

namespace Covol.Transport;

/// <summary>
/// Reads frames from a stream. Headers and fields go through a buffer, redirected data goes where it belongs (the first bytes of
/// it may have come along with the fields and are copied). One reader at a time.
/// </summary>
internal sealed class FrameReader(Stream stream, Action received)
{
    /// <summary>How much is read beyond what is needed: several small frames a system call, little of a large frame's data.</summary>
    private const int ReadAhead = 4096;

    private readonly byte[] _buffer = new byte[FrameHeader.Length + WireLimits.FieldsLengthMax + ReadAhead];
    private int _start;
    private int _end;

    /// <summary>Null when the peer closed the stream between two frames.</summary>
    public async ValueTask<FrameHeader?> ReadHeaderAsync(CancellationToken cancellation)
    {
        if (!await FillAsync(FrameHeader.Length, mayEnd: true, cancellation).ConfigureAwait(false))
        {
            return null;
        }

        var header = FrameHeader.Decode(_buffer.AsSpan(_start, FrameHeader.Length));
        _start += FrameHeader.Length;
        return header;
    }

    /// <summary>Valid until the next read.</summary>
    public async ValueTask<ReadOnlyMemory<byte>> ReadFieldsAsync(int length, CancellationToken cancellation)
    {
        await FillAsync(length, mayEnd: false, cancellation).ConfigureAwait(false);
        var fields = _buffer.AsMemory(_start, length);
        _start += length;
        return fields;
    }

    public async ValueTask ReadDataAsync(Memory<byte> target, CancellationToken cancellation)
    {
        var ahead = Math.Min(_end - _start, target.Length);
        _buffer.AsMemory(_start, ahead).CopyTo(target);
        _start += ahead;
        target = target[ahead..];
        while (target.Length > 0)
        {
            var count = await stream.ReadAsync(target, cancellation).ConfigureAwait(false);
            if (count == 0)
            {
                throw new EndOfStreamException("The peer closed the connection in the middle of a frame.");
            }

            received();
            target = target[count..];
        }
    }

    public async ValueTask SkipDataAsync(int length, CancellationToken cancellation)
    {
        while (length > 0)
        {
            if (_start == _end)
            {
                await FillAsync(1, mayEnd: false, cancellation).ConfigureAwait(false);
            }

            var count = Math.Min(_end - _start, length);
            _start += count;
            length -= count;
        }
    }

    private async ValueTask<bool> FillAsync(int needed, bool mayEnd, CancellationToken cancellation)
    {
        if (_end - _start < needed)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            _end -= _start;
            _start = 0;
        }

        while (_end - _start < needed)
        {
            var wanted = Math.Max(needed - _end, ReadAhead);
            var count = await stream.ReadAsync(_buffer.AsMemory(_end, Math.Min(wanted, _buffer.Length - _end)), cancellation)
                .ConfigureAwait(false);
            if (count == 0)
            {
                return mayEnd && _end == _start
                    ? false
                    : throw new EndOfStreamException("The peer closed the connection in the middle of a frame.");
            }

            received();
            _end += count;
        }

        return true;
    }
}
