using System.Threading.Channels;
using Covol.Protocol;

namespace Covol.Cluster.Ownership;

/// <summary>Carries out effects of one kind one after the other, beside the machine's loop, so that a slow one stops no decision.</summary>
internal sealed class EffectLane
{
    private const int QueueMax = 1024;

    private readonly Channel<Func<CancellationToken, Task>> _queue = Channel.CreateBounded<Func<CancellationToken, Task>>(
        new BoundedChannelOptions(QueueMax) { SingleReader = true });

    /// <summary>A full queue means that an effect hangs without a deadline.</summary>
    public void Add(Func<CancellationToken, Task> effect) =>
        Invariant.Holds(_queue.Writer.TryWrite(effect), "Effects of a volume's ownership pile up.");

    /// <summary>Ends when everything that was added before has been carried out.</summary>
    public Task FlushAsync()
    {
        var flushed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Add(_ =>
        {
            flushed.TrySetResult();
            return Task.CompletedTask;
        });
        return flushed.Task;
    }

    public async Task RunAsync(CancellationToken cancellation)
    {
        await foreach (var effect in _queue.Reader.ReadAllAsync(cancellation).ConfigureAwait(false))
        {
            await effect(cancellation).ConfigureAwait(false);
        }
    }
}
