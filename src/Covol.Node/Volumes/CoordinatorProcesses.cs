using System.Collections.Concurrent;
using Covol.Api.Configuration;
using Covol.Cluster.Ownership;
using Covol.Node.Processes;
using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.Protocol.Ownership;
using Covol.Protocol.Store;
using Covol.Transport.Control;
using Microsoft.Extensions.Logging;
using Control = Covol.Transport.Control;

namespace Covol.Node.Volumes;

/// <summary>The coordinator processes of this node: starts, asks and ends them, and tells what becomes of them.</summary>
internal sealed class CoordinatorProcesses : ICoordinatorProcesses
{
    private static readonly TimeSpan s_askLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_endLimit = TimeSpan.FromSeconds(10);

    /// <summary>A coordinator that recovers the volume answers only after that.</summary>
    private static readonly TimeSpan s_evictLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_pollPeriod = TimeSpan.FromMilliseconds(25);
    private static readonly TimeSpan s_steadyPeriod = TimeSpan.FromMilliseconds(250);

    private readonly NodeConfiguration _configuration;
    private readonly DaemonCommand _daemon;
    private readonly TimeProvider _time;
    private readonly ILogger<CoordinatorProcesses> _log;
    private readonly ConcurrentDictionary<string, Action<OwnershipInput>> _listeners = new();
    private readonly ConcurrentDictionary<string, Running> _running = new();
    private readonly ConcurrentDictionary<Task, string> _tasks = new();

    public CoordinatorProcesses(NodeConfiguration configuration, DaemonCommand daemon, TimeProvider time, ILogger<CoordinatorProcesses> log)
    {
        _configuration = configuration;
        _daemon = daemon;
        _time = time;
        _log = log;
    }

    public async Task<Started> ObserveAsync(VolumeRecord volume, Action<OwnershipInput> tell, CancellationToken cancellation)
    {
        _listeners[volume.Name] = tell;
        if (RoleProcess.Find(NameOf(volume.Name), _configuration.RunDirectory) is not { } process)
        {
            return Started.WithoutCoordinator;
        }

        var configuration = ConfigurationFile.Read<CoordinatorConfiguration>(FileOf(volume.Name));
        NodeLog.RoleFound(_log, NameOf(volume.Name), process.Id);
        var running = Follow(volume.Name, configuration, process);
        var phase = await TryAskPhaseAsync(running, cancellation).ConfigureAwait(false) ?? CoordinatorPhase.Starting;
        return new Started(configuration.CoordinatorKey, phase, configuration.Endpoints);
    }

    public async Task StartStandbyAsync(VolumeRecord volume, ReservationKey key, CancellationToken cancellation)
    {
        if (_running.TryRemove(volume.Name, out var earlier))
        {
            earlier.Process.Kill();
            await earlier.Process.Ended.WaitAsync(cancellation).ConfigureAwait(false);
        }

        var self = _configuration.Members.First(member => member.Node == _configuration.Node);
        var configuration = new CoordinatorConfiguration(
            volume.Name,
            new NodeId(_configuration.Node),
            volume.LunUri,
            new Epoch(0),
            key,
            [],
            [
                $"unix:{_configuration.RunDirectory}/{volume.Name}.sock",
                $"tcp:{self.Address}:{self.VolumePorts[(volume.Number - 1) % self.VolumePorts.Count]}",
            ],
            $"{_configuration.RunDirectory}/{volume.Name}.control",
            new TlsFiles(_configuration.Authority, _configuration.Certificate, _configuration.Key),
            volume.DefaultOwner,
            volume.DefaultGroup);
        ConfigurationFile.Write(FileOf(volume.Name), configuration);
        try
        {
            var process = RoleProcess.Start(
                NameOf(volume.Name),
                _configuration.RunDirectory,
                LogOf(volume.Name),
                [.. _daemon.Words, "coordinator", "--config", FileOf(volume.Name)]);
            NodeLog.RoleStarted(_log, NameOf(volume.Name), process.Id);
            Follow(volume.Name, configuration, process);
        }
        catch (NodeException failure)
        {
            Tell(volume.Name, new CoordinatorEnded(key, failure.Message));
        }
    }

    public Task ActivateAsync(string volume, ReservationKey key, ActivateCoordinator order, CancellationToken cancellation) =>
        OrderAsync(volume, key, new Control.Activate(order), cancellation);

    public Task EvictAsync(string volume, ReservationKey key, EvictNode order, CancellationToken cancellation)
    {
        // Answered when the node's keys are fenced, which takes as long as its last I/O; orders that follow must not wait for it.
        Track(volume, TellEvictionAsync(volume, key, order));
        return Task.CompletedTask;
    }

    /// <summary>Kills every coordinator process of this node, whoever started it, and waits for their end.</summary>
    public async Task EndEvictedAsync(CancellationToken cancellation)
    {
        foreach (var process in RoleProcess.All(_configuration.RunDirectory)
            .Where(process => process.Name.StartsWith(NameOf(""), StringComparison.Ordinal)))
        {
            process.Kill();
            await process.Ended.WaitAsync(s_endLimit, _time, cancellation).ConfigureAwait(false);
        }
    }

    public Task HandOverAsync(string volume, ReservationKey key, CancellationToken cancellation)
    {
        // Answered when all is drained; what counts is the end of the process, which is told anyway.
        Track(volume, OrderAsync(volume, key, new Control.HandOver(), CancellationToken.None));
        return Task.CompletedTask;
    }

    public Task StopAsync(string volume, ReservationKey key, CancellationToken cancellation)
    {
        if (_running.TryGetValue(volume, out var running) && running.Configuration.CoordinatorKey == key)
        {
            running.Process.Kill();
        }

        return Task.CompletedTask;
    }

    /// <summary>Has the coordinator here check its volume; <see cref="NodeException"/> says why not.</summary>
    public async Task<CheckResult> CheckAsync(string volume, CancellationToken cancellation)
    {
        if (!_running.TryGetValue(volume, out var running))
        {
            throw new NodeException($"node{_configuration.Node} does not coordinate {volume} any more; try again.");
        }

        try
        {
            var answer = await running.Control.DemandAsync(new Control.CheckVolume(), cancellation).ConfigureAwait(false);
            return answer.Check ?? throw new NodeException($"The coordinator of {volume} is of another version and answered nothing of a check.");
        }
        catch (ControlException failure)
        {
            throw new NodeException(failure.Message, failure);
        }
    }

    private static string NameOf(string volume) => $"coordinator-{volume}";

    private string FileOf(string volume) => $"{_configuration.RunDirectory}/{NameOf(volume)}.json";

    private string LogOf(string volume) => $"{_configuration.LogDirectory}/{NameOf(volume)}.log";

    private async Task TellEvictionAsync(string volume, ReservationKey key, EvictNode order)
    {
        var isDone = false;
        if (_running.TryGetValue(volume, out var running) && running.Configuration.CoordinatorKey == key)
        {
            using var deadline = new CancellationTokenSource(s_evictLimit, _time);
            try
            {
                await running.Control.DemandAsync(new Control.Evict(order), deadline.Token).ConfigureAwait(false);
                isDone = true;
                NodeLog.EvictionTold(_log, volume, order.Node.Value, order.Incarnation);
            }
            catch (Exception failure) when (failure is ControlException or OperationCanceledException)
            {
                NodeLog.TriedAgain(_log, $"Telling the coordinator of {volume} that {order.Node} is evicted", failure.Message);
            }
        }

        Tell(volume, new EvictionTold(key, order.Node, order.Incarnation, isDone));
    }

    private async Task OrderAsync(string volume, ReservationKey key, ControlRequest order, CancellationToken cancellation)
    {
        if (!_running.TryGetValue(volume, out var running) || running.Configuration.CoordinatorKey != key)
        {
            return;
        }

        try
        {
            await running.Control.DemandAsync(order, cancellation).ConfigureAwait(false);
        }
        catch (ControlException failure)
        {
            // It is asked no second time: the machine has a limit for each step, and ends a process that does not make it.
            NodeLog.TriedAgain(_log, $"Ordering {order.GetType().Name} from the coordinator of {volume}", failure.Message);
        }
    }

    private Running Follow(string volume, CoordinatorConfiguration configuration, RoleProcess process)
    {
        var running = new Running(configuration, process, new ControlClient(configuration.ControlSocket));
        _running[volume] = running;
        Track(volume, WatchAsync(volume, running));
        return running;
    }

    /// <summary>Tells each phase the process reaches, then its end.</summary>
    private async Task WatchAsync(string volume, Running running)
    {
        CoordinatorPhase? last = null;
        var key = running.Configuration.CoordinatorKey;
        while (!running.Process.Ended.IsCompleted)
        {
            var phase = await TryAskPhaseAsync(running, CancellationToken.None).ConfigureAwait(false);
            if (phase is { } reached && reached != last)
            {
                last = reached;
                Tell(volume, new CoordinatorReported(key, reached, running.Configuration.Endpoints));
            }

            var pause = last is CoordinatorPhase.Serving ? s_steadyPeriod : s_pollPeriod;
            await Task.WhenAny(running.Process.Ended, Task.Delay(pause, _time)).ConfigureAwait(false);
        }

        NodeLog.RoleEnded(_log, NameOf(volume), running.Process.Id, LogOf(volume));
        _running.TryRemove(new KeyValuePair<string, Running>(volume, running));
        Tell(volume, new CoordinatorEnded(key, $"process {running.Process.Id} ended; its log is {LogOf(volume)}"));
    }

    private static async Task<CoordinatorPhase?> TryAskPhaseAsync(Running running, CancellationToken cancellation)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(s_askLimit);
        try
        {
            var answer = await running.Control.AskAsync(new QueryCoordinator(), deadline.Token).ConfigureAwait(false);
            return answer.CoordinatorState?.Phase;
        }
        catch (Exception failure) when (failure is ControlException or OperationCanceledException && !cancellation.IsCancellationRequested)
        {
            // Not listening yet, or busy: its end is told by the process, not by a question.
            return null;
        }
    }

    private void Tell(string volume, OwnershipInput input)
    {
        if (_listeners.TryGetValue(volume, out var tell))
        {
            tell(input);
        }
    }

    private void Track(string volume, Task task)
    {
        _tasks.TryAdd(task, volume);
        _ = task.ContinueWith(done => _tasks.TryRemove(done, out _), TaskScheduler.Default);
    }

    private sealed record Running(CoordinatorConfiguration Configuration, RoleProcess Process, ControlClient Control);
}
