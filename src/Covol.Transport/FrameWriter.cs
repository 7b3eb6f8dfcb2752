using System.Threading.Channels;

namespace Covol.Transport;

/// <summary>
/// The only one that writes to a connection's stream: takes frames from a bounded queue and puts small ones together into one
/// write. <see cref="TryEnqueue"/> from any thread; <see cref="RunAsync"/> once. Where nothing is being written, whoever puts a frame into
/// the queue writes it: one thread less on the way of each request. It does not wait where the peer takes nothing.
/// </summary>
internal sealed class FrameWriter(Stream stream, int framesMax)
{
    private const int TogetherMax = 64 * 1024;

    /// <summary>This thread is inside <see cref="TryEnqueue"/> for one who does not write.</summary>
    [ThreadStatic]
    private static bool t_writesElsewhere;

    private readonly Channel<FrameBuffer> _queue = Channel.CreateBounded<FrameBuffer>(
        new BoundedChannelOptions(framesMax) { SingleReader = true, AllowSynchronousContinuations = true });

    private readonly byte[] _together = new byte[TogetherMax];
    private int _length;

    /// <summary>Takes the frame over. False: the queue is full or the connection is over; the frame is given up.</summary>
    /// <param name="frame">Goes out in the order of the calls.</param>
    /// <param name="mayWriteHere">False: the caller has better things to do than to write what is in the queue.</param>
    public bool TryEnqueue(FrameBuffer frame, bool mayWriteHere = true)
    {
        bool isTaken;
        try
        {
            t_writesElsewhere = !mayWriteHere;
            isTaken = _queue.Writer.TryWrite(frame);
        }
        finally
        {
            t_writesElsewhere = false;
        }

        if (isTaken)
        {
            return true;
        }

        Discard(frame);
        return false;
    }

    /// <summary>Ends after the last frame was written, or with the stream's exception. Frames that are left are given up.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        try
        {
            while (await _queue.Reader.WaitToReadAsync(cancellation).ConfigureAwait(false))
            {
                if (t_writesElsewhere)
                {
                    await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
                }

                while (_queue.Reader.TryRead(out var frame))
                {
                    var isLast = frame.IsLast;
                    await WriteAsync(frame, cancellation).ConfigureAwait(false);
                    if (isLast)
                    {
                        await FlushAsync(cancellation).ConfigureAwait(false);
                        return;
                    }
                }

                await FlushAsync(cancellation).ConfigureAwait(false);
            }
        }
        finally
        {
            _queue.Writer.TryComplete();
            while (_queue.Reader.TryRead(out var frame))
            {
                Discard(frame);
            }
        }
    }

    private static void Discard(FrameBuffer frame)
    {
        frame.Owner?.EndWrite();
        frame.Dispose();
    }

    private async ValueTask WriteAsync(FrameBuffer frame, CancellationToken cancellation)
    {
        if (frame.Owner?.BeginWrite() == false)
        {
            frame.Dispose();
            return;
        }

        try
        {
            await AppendAsync(frame.HeaderAndFields, cancellation).ConfigureAwait(false);
            await AppendAsync(frame.Data, cancellation).ConfigureAwait(false);
        }
        finally
        {
            Discard(frame);
        }
    }

    private async ValueTask AppendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
    {
        if (bytes.Length > TogetherMax - _length)
        {
            await FlushAsync(cancellation).ConfigureAwait(false);
        }

        if (bytes.Length > TogetherMax / 2)
        {
            await FlushAsync(cancellation).ConfigureAwait(false);
            await stream.WriteAsync(bytes, cancellation).ConfigureAwait(false);
            return;
        }

        bytes.CopyTo(_together.AsMemory(_length));
        _length += bytes.Length;
    }

    private async ValueTask FlushAsync(CancellationToken cancellation)
    {
        if (_length > 0)
        {
            var length = _length;
            _length = 0;
            await stream.WriteAsync(_together.AsMemory(0, length), cancellation).ConfigureAwait(false);
        }
    }
}
