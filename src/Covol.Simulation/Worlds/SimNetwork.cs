using Covol.Protocol.Volume;
using Covol.Transport;
using Covol.VolumeClient;

namespace Covol.Simulation.Worlds;

/// <summary>
/// Connections between nodes. Within one, messages keep their order; between two they do not. A cut between two nodes holds messages, until
/// it heals or each side finds its connection silent and gives it up, at its own time.
/// </summary>
internal sealed class SimNetwork(World world)
{
    private readonly Dictionary<string, (SimProcess Process, IVolumeService Service)> _listeners = [];
    private readonly HashSet<(int Low, int High)> _cuts = [];
    private readonly List<SimConnection> _connections = [];

    public World World => world;

    public void Listen(string endpoint, SimProcess process, IVolumeService service)
    {
        _listeners[endpoint] = (process, service);
        process.WhenKilled(() =>
        {
            if (_listeners.TryGetValue(endpoint, out var there) && there.Process == process)
            {
                _listeners.Remove(endpoint);
            }
        });
    }

    public bool IsCut(int left, int right) => _cuts.Contains(Pair(left, right));

    public void Cut(int left, int right)
    {
        if (left != right && _cuts.Add(Pair(left, right)))
        {
            world.Trace("network", $"cut node{left} node{right}");
            foreach (var connection in _connections.Where(connection => connection.Joins(left, right)).ToList())
            {
                connection.GiveUpWhenSilent();
            }
        }
    }

    public void Heal(int left, int right)
    {
        if (_cuts.Remove(Pair(left, right)))
        {
            world.Trace("network", $"heal node{left} node{right}");
        }
    }

    public void HealAll()
    {
        foreach (var (low, high) in _cuts.ToList())
        {
            Heal(low, high);
        }
    }

    /// <summary>Breaks a random connection, as a reset does.</summary>
    public void BreakOne()
    {
        if (_connections.Count > 0)
        {
            _connections[world.Random.Next(_connections.Count)].Break("The connection was reset.");
        }
    }

    /// <summary>One way's time of a message.</summary>
    public TimeSpan Delay() => world.Chance(0.02) ? world.Milliseconds(5, 200) : world.Milliseconds(0.1, 2);

    public IConnectionSource SourceOf(SimProcess client) => new Source(this, client);

    internal void Forget(SimConnection connection) => _connections.Remove(connection);

    private static (int Low, int High) Pair(int left, int right) => left < right ? (left, right) : (right, left);

    private async ValueTask<IVolumeConnection> ConnectAsync(
        SimProcess client, string endpoint, Action<VolumeNotice> notices, CancellationToken cancellation)
    {
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        client.After(Delay() * 2, () => arrived.TrySetResult());
        await arrived.Task.WaitAsync(cancellation).ConfigureAwait(false);
        if (!_listeners.TryGetValue(endpoint, out var listener))
        {
            throw new IOException($"Nobody listens at {endpoint}.");
        }

        if (IsCut(client.Node, listener.Process.Node))
        {
            // As a lost SYN: nothing comes back.
            await Task.Delay(Timeout.InfiniteTimeSpan, client.Clock, cancellation).ConfigureAwait(false);
        }

        var connection = new SimConnection(this, client, listener.Process, listener.Service, notices);
        _connections.Add(connection);
        client.WhenKilled(() => connection.Break("The client's process ended."));
        listener.Process.WhenKilled(() => connection.Break("The coordinator's process ended."));
        return connection;
    }

    private sealed class Source(SimNetwork network, SimProcess client) : IConnectionSource
    {
        public ValueTask<IVolumeConnection> ConnectAsync(
            string volume, string endpoint, Action<VolumeNotice> notices, CancellationToken cancellation) =>
            network.ConnectAsync(client, endpoint, notices, cancellation);
    }
}
