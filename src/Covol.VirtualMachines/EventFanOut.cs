using System.Threading.Channels;
using Covol.VirtualMachines.Qmp;

namespace Covol.VirtualMachines;

/// <summary>Gives each event to every reader; a reader that sleeps loses its oldest ones, never the others'.</summary>
internal sealed class EventFanOut
{
    public const int ReadersMax = 32;

    private readonly Lock _gate = new();
    private readonly List<Channel<QmpEvent>> _readers = [];
    private bool _ended;

    /// <summary>Sees every event from now on; ends with the machine.</summary>
    public ChannelReader<QmpEvent> Subscribe()
    {
        var channel = Channel.CreateBounded<QmpEvent>(
            new BoundedChannelOptions(QmpClient.EventsMax) { FullMode = BoundedChannelFullMode.DropOldest });
        lock (_gate)
        {
            if (_readers.Count >= ReadersMax)
            {
                throw new InvalidOperationException($"More than {ReadersMax} readers of one virtual machine's events.");
            }

            _readers.Add(channel);
            if (_ended)
            {
                channel.Writer.TryComplete();
            }
        }

        return channel.Reader;
    }

    public void Unsubscribe(ChannelReader<QmpEvent> reader)
    {
        lock (_gate)
        {
            _readers.RemoveAll(channel => channel.Reader == reader);
        }
    }

    public void Publish(QmpEvent happened)
    {
        lock (_gate)
        {
            _readers.ForEach(channel => channel.Writer.TryWrite(happened));
        }
    }

    public void End()
    {
        lock (_gate)
        {
            _ended = true;
            _readers.ForEach(channel => channel.Writer.TryComplete());
        }
    }
}
