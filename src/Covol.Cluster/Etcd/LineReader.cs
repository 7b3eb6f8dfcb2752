using System.Buffers;
using System.IO.Pipelines;
using Covol.Cluster.Store;

namespace Covol.Cluster.Etcd;

/// <summary>Lines of a stream, each at most <see cref="LengthMax"/> bytes.</summary>
internal sealed class LineReader : IAsyncDisposable
{
    public const int LengthMax = 16 << 20;

    private readonly PipeReader _reader;

    public LineReader(Stream stream) => _reader = PipeReader.Create(stream);

    /// <summary>The next line without its end, or null at the end of the stream.</summary>
    public async Task<byte[]?> ReadAsync(CancellationToken cancellation)
    {
        while (true)
        {
            var read = await _reader.ReadAsync(cancellation).ConfigureAwait(false);
            if (read.Buffer.PositionOf((byte)'\n') is { } end)
            {
                var line = read.Buffer.Slice(0, end).ToArray();
                _reader.AdvanceTo(read.Buffer.GetPosition(1, end));
                return line;
            }

            if (read.IsCompleted)
            {
                return null;
            }

            if (read.Buffer.Length > LengthMax)
            {
                throw new StoreRefusedException($"etcd sent a line of more than {LengthMax} bytes.");
            }

            _reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    public ValueTask DisposeAsync() => _reader.CompleteAsync();
}
