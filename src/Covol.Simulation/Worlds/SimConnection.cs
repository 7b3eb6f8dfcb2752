using Covol.Protocol.Ids;
using Covol.Protocol.Volume;
using Covol.Transport;

namespace Covol.Simulation.Worlds;

/// <summary>One connection: the client's end, and the caller that the coordinator sees.</summary>
internal sealed class SimConnection : IVolumeConnection, IVolumeCaller
{
    private readonly SimNetwork _network;
    private readonly World _world;
    private readonly SimProcess _client;
    private readonly SimProcess _server;
    private readonly IVolumeService _service;
    private readonly Action<VolumeNotice> _notices;
    private readonly TaskCompletionSource<string> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Dictionary<long, Pending> _pending = [];
    private readonly CancellationTokenSource _gone = new();
    private readonly Queue<Action> _toServer = new();
    private readonly Queue<Action> _toClient = new();
    private long _lastToServer;
    private long _lastToClient;
    private long _lastCall;
    private bool _isClientOver;
    private bool _isServerOver;
    private bool _isBroken;

    public SimConnection(
        SimNetwork network, SimProcess client, SimProcess server, IVolumeService service, Action<VolumeNotice> notices)
    {
        _network = network;
        _world = network.World;
        _client = client;
        _server = server;
        _service = service;
        _notices = notices;
    }

    public Task<string> Closed => _closed.Task;

    public NodeId Node => new(_client.Node);

    public bool Joins(int left, int right) =>
        (_client.Node == left && _server.Node == right) || (_client.Node == right && _server.Node == left);

    public async ValueTask<VolumeAnswer> CallAsync(VolumeCall call, Memory<byte> answerData, CancellationToken cancellation)
    {
        _world.AssertCurrent();
        cancellation.ThrowIfCancellationRequested();
        if (_isClientOver)
        {
            throw new ConnectionLostException("The connection is gone.");
        }

        var number = ++_lastCall;
        var pending = new Pending(answerData);
        _pending.Add(number, pending);

        // The client's memory is its own again once it gave the call up; what was sent stays what it was.
        var sent = call with { Data = call.Data.ToArray() };
        SendToServer(() => Serve(number, sent));
        using var given = cancellation.UnsafeRegister(_ =>
        {
            _pending.Remove(number);
            pending.Answered.TrySetCanceled(cancellation);
        }, null);
        return await pending.Answered.Task.ConfigureAwait(false);
    }

    public ValueTask DisposeAsync()
    {
        Break("The client closed the connection.");
        return ValueTask.CompletedTask;
    }

    public void Notify(VolumeNotice notice) => SendToClient(() => _notices(notice));

    public void Close(string reason)
    {
        _world.Trace(_server.Name, $"closes the connection of {_client.Name}: {reason}");
        Break(reason);
    }

    /// <summary>Both ends learn of it, each at its own time; what is on its way may arrive before.</summary>
    public void Break(string reason)
    {
        if (_isBroken)
        {
            return;
        }

        _isBroken = true;
        _network.Forget(this);
        _client.After(_network.Delay(), () => EndClient(reason));
        _server.After(_network.Delay(), EndServer);
    }

    /// <summary>A cut began: keepalives find it, on each side at its own time, unless it heals before.</summary>
    public void GiveUpWhenSilent()
    {
        _client.After(_world.Milliseconds(1000, 4000), () =>
        {
            if (_network.IsCut(_client.Node, _server.Node))
            {
                EndClient("The connection is silent.");
            }
        });
        _server.After(_world.Milliseconds(1000, 4000), () =>
        {
            if (_network.IsCut(_client.Node, _server.Node))
            {
                EndServer();
            }
        });
    }

    private void Serve(long number, VolumeCall call)
    {
        if (!_isServerOver)
        {
            _world.Trace(_server.Name, $"takes {Describe(call)} of {_client.Name}");
            _ = ServeAsync(number, call);
        }
    }

    private async Task ServeAsync(long number, VolumeCall call)
    {
        VolumeAnswer answer;
        try
        {
            answer = await _service.CallAsync(this, call, _gone.Token).ConfigureAwait(false);
        }
        catch (ConnectionLostException)
        {
            // The coordinator stopped: no answer, as from a process that ended.
            Break("The coordinator stopped.");
            return;
        }

        if (!_server.IsDead)
        {
            _world.Trace(_server.Name, $"answers {Describe(call)} of {_client.Name}: {Describe(answer.Reply)}");
            SendToClient(() => Answer(number, answer));
        }
    }

    private static string Describe(VolumeCall call) =>
        $"{call.Id.Session.Value}.{call.Id.Slot}.{call.Id.Sequence} {call.Request.GetType().Name}";

    private static string Describe(VolumeReply reply) => reply is Refused refused ? $"refused, {refused.Error}" : reply.GetType().Name;

    private void Answer(long number, VolumeAnswer answer)
    {
        if (_isClientOver || !_pending.Remove(number, out var pending))
        {
            return;
        }

        if (answer.Data.Length > pending.Data.Length)
        {
            // As VolumeConnection does: the stream is not to be trusted any more.
            _world.Break("I10", $"{answer.Data.Length} bytes came to {_client.Name} for a call that has room for {pending.Data.Length}");
            pending.Answered.TrySetException(new ConnectionLostException("More data came than was asked for."));
            EndClient("More data came than was asked for.");
            return;
        }

        answer.Data.CopyTo(pending.Data);
        pending.Answered.TrySetResult(answer);
    }

    private void SendToServer(Action message)
    {
        _lastToServer = Send(_toServer, _lastToServer, () => !_isServerOver, message, _server);
    }

    private void SendToClient(Action message)
    {
        _lastToClient = Send(_toClient, _lastToClient, () => !_isClientOver, message, _client);
    }

    private long Send(Queue<Action> queue, long last, Func<bool> isOpen, Action message, SimProcess to)
    {
        queue.Enqueue(message);
        var at = Math.Max(last + 1, _world.Now + World.Nanoseconds(_network.Delay()));
        _world.At(at, Arrive);
        return at;

        void Arrive()
        {
            if (!isOpen())
            {
                return;
            }

            if (_network.IsCut(_client.Node, _server.Node))
            {
                _world.After(TimeSpan.FromMilliseconds(20), Arrive);
                return;
            }

            var next = queue.Dequeue();
            to.Deliver(() =>
            {
                if (isOpen())
                {
                    next();
                }
            });
        }
    }

    private void EndClient(string reason)
    {
        if (_isClientOver)
        {
            return;
        }

        _isClientOver = true;
        Break(reason);
        _closed.TrySetResult(reason);
        foreach (var pending in _pending.Values.ToList())
        {
            pending.Answered.TrySetException(new ConnectionLostException(reason));
        }

        _pending.Clear();
    }

    private void EndServer()
    {
        if (_isServerOver)
        {
            return;
        }

        _isServerOver = true;
        Break("The server gave the connection up.");
        _gone.Cancel();
        _service.Disconnected(this);
    }

    private sealed class Pending(Memory<byte> data)
    {
        public Memory<byte> Data => data;

        public TaskCompletionSource<VolumeAnswer> Answered { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
