namespace Covol.Transport.Control;

/// <summary>Reads lines of at most <see cref="ControlCodec.LineLengthMax"/> bytes from a stream.</summary>
internal sealed class LineReader(Stream stream)
{
    private byte[] _buffer = new byte[4096];
    private int _start;
    private int _end;

    /// <summary>The line without its end, valid until the next read; null when the peer is done. Throws <see cref="InvalidDataException"/>.</summary>
    public async ValueTask<ReadOnlyMemory<byte>?> ReadAsync(CancellationToken cancellation)
    {
        var searched = 0;
        while (true)
        {
            var found = _buffer.AsSpan(_start + searched, _end - _start - searched).IndexOf((byte)'\n');
            var length = found >= 0 ? searched + found : _end - _start;
            if (length > ControlCodec.LineLengthMax)
            {
                throw new InvalidDataException($"A line is longer than {ControlCodec.LineLengthMax} bytes.");
            }

            if (found >= 0)
            {
                var line = _buffer.AsMemory(_start, length);
                _start += length + 1;
                return line;
            }

            searched = length;

            MakeRoom();
            var count = await stream.ReadAsync(_buffer.AsMemory(_end), cancellation).ConfigureAwait(false);
            if (count == 0)
            {
                return searched == 0 ? null : throw new InvalidDataException("The last line has no end.");
            }

            _end += count;
        }
    }

    private void MakeRoom()
    {
        if (_end < _buffer.Length)
        {
            return;
        }

        var target = _start > 0 ? _buffer : new byte[_buffer.Length * 2];
        _buffer.AsSpan(_start, _end - _start).CopyTo(target);
        _end -= _start;
        _start = 0;
        _buffer = target;
    }
}
