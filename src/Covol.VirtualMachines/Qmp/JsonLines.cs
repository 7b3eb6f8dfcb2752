using System.Buffers;
using System.IO.Pipelines;

namespace Covol.VirtualMachines.Qmp;

/// <summary>Cuts a stream into lines with a limit on their length. One reader at a time.</summary>
internal sealed class JsonLines(Stream stream, int lineBytesMax)
{
    private readonly PipeReader _reader = PipeReader.Create(stream, new StreamPipeReaderOptions(leaveOpen: true));

    /// <summary>The next line without its end, or null at the end of the stream. A last line without an end is dropped.</summary>
    public async ValueTask<byte[]?> ReadAsync(CancellationToken cancellation)
    {
        while (true)
        {
            var read = await _reader.ReadAsync(cancellation).ConfigureAwait(false);
            var buffer = read.Buffer;
            if (buffer.PositionOf((byte)'\n') is { } end)
            {
                var line = buffer.Slice(0, end);
                var bytes = line.Length <= lineBytesMax ? line.ToArray() : throw TooLong();
                _reader.AdvanceTo(buffer.GetPosition(1, end));
                return bytes;
            }

            if (buffer.Length > lineBytesMax)
            {
                throw TooLong();
            }

            _reader.AdvanceTo(buffer.Start, buffer.End);
            if (read.IsCompleted)
            {
                return null;
            }
        }
    }

    private QmpException TooLong() => new(QmpFailure.Malformed, $"A line is longer than {lineBytesMax} bytes.");
}
