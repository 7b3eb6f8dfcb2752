using System.Diagnostics.CodeAnalysis;
using Covol.Coordinator;
using Covol.Coordinator.Driver;
using Covol.Lun;
using Covol.Ntfs;
using Covol.Protocol.Ids;
using Covol.Protocol.Ownership;
using Covol.Protocol.Units;
using Covol.Simulation.Disk;
using Covol.Simulation.Model;
using Covol.Simulation.Worlds;
using Microsoft.Extensions.Logging.Abstractions;

namespace Covol.Simulation.Parts;

/// <summary>
/// A coordinator process: takes the LUN as <see cref="CoordinatorHost"/> does, then runs the real <see cref="VolumeCoordinator"/>, whose
/// threads are steps of the world.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "A process of the world ends without any order; its coordinator has no threads.")]
internal sealed class CoordinatorProcess : ISteppedThreads
{
    /// <summary>The coordinator's name for its fences, before the volume's.</summary>
    private const string FencePool = "covol-fence ";

    private readonly World _world;
    private readonly SimNetwork _network;
    private readonly IVolumeKind _disk;
    private readonly Rules _rules;
    private readonly double _slowFences;
    private readonly LunNexus _nexus;
    private readonly Action<string> _ended;
    private readonly List<BlockingJob> _jobs = [];
    private long _lastStep;
    private long _lastMetadata;
    private VolumeCoordinator? _coordinator;

    public CoordinatorProcess(
        World world,
        SimNetwork network,
        SimLun lun,
        IVolumeKind disk,
        Rules rules,
        double slowFences,
        Epoch epoch,
        int node,
        Action<string> ended)
    {
        _world = world;
        _network = network;
        _disk = disk;
        _rules = rules;
        _slowFences = slowFences;
        Epoch = epoch;
        Process = new SimProcess(world, $"coordinator{epoch.Value}", node);
        // As a port: the next coordinator on this node listens there too.
        Endpoint = $"sim:node{node}";
        Key = new ReservationKey(0xC000_0000_0000_0000UL | (ulong)epoch.Value);
        _nexus = lun.Open(Process);
        _ended = ended;
        Process.WhenKilled(MarkSubmitted);
    }

    public SimProcess Process { get; }

    public Epoch Epoch { get; }

    public ReservationKey Key { get; }

    public string Endpoint { get; }

    public bool IsServing { get; private set; }

    /// <summary>Blocking jobs begun until then take until then: the LUN's path hangs.</summary>
    public long HangsUntil { get; set; }

    /// <summary>Registers, fences the older keys, recovers, serves. <paramref name="serving"/> is told at its end.</summary>
    public void Start(IReadOnlyList<ReservationKey> older, Action serving)
    {
        Process.After(_world.Milliseconds(1, 50), () =>
        {
            // Registering is always allowed, and stands before the claim that names the key (SAFETY 2).
            Guarded(() => _nexus.Register(Key));
            Process.After(_world.Milliseconds(1, 100), () => Guarded(() => Take(older, serving)));
        });
    }

    public async Task HandOverAsync(Action done)
    {
        if (_coordinator is not { } coordinator)
        {
            return;
        }

        _world.Trace(Process.Name, "hands over");
        await coordinator.HandOverAsync().ConfigureAwait(false);
        while (_jobs.Count > 0)
        {
            // As Unregister of a LUN does: the key goes when its own I/O has ended.
            await Task.Delay(TimeSpan.FromMilliseconds(10), Process.Clock).ConfigureAwait(false);
        }

        _nexus.Unregister();
        Process.Kill("handed over");
        done();
    }

    public async Task EvictAsync(NodeId node, ReservationKey last)
    {
        if (_coordinator is { } coordinator)
        {
            _world.Trace(Process.Name, $"is told to evict {node} up to {last}");
            await coordinator.EvictAsync(node, KeyLayout.Incarnation(last)).ConfigureAwait(false);
        }
    }

    /// <summary>It crashes soon, between two commands of one job or in the middle of one: what recovery is for.</summary>
    /// <param name="writes">The last one, counted from 1; as much of it lands as had left the process.</param>
    /// <param name="then">Happens at that moment too.</param>
    public void CrashWriting(int writes, Action? then = null)
    {
        _world.Trace(Process.Name, $"will crash in its {writes}th write");
        _nexus.StopInWrite(writes, () =>
        {
            End("crash in the middle of a write");
            then?.Invoke();
        });
    }

    public void CrashNoMore() => _nexus.StopInWrite(0, static () => { });

    public void Freeze()
    {
        MarkSubmitted();
        Process.Freeze();
    }

    // ---- Threads as steps -------------------------------------------------------------------------------------------------

    public void Post(Action step) => InOrder(ref _lastStep, TimeSpan.FromTicks(_world.Random.Next(10, 200)), step);

    public void PostAt(Moment moment, Action step) => Process.After(moment - Process.Clock.Now, step);

    public void PostBlocking(string pool, int threads, Action job)
    {
        if (pool.StartsWith(FencePool, StringComparison.Ordinal))
        {
            // A drain waits for what is in flight; one does not wait for another.
            Process.After(_world.Chance(_slowFences) ? _world.Milliseconds(100, 2_000) : _world.Milliseconds(0.2, 20), job);
            return;
        }

        if (threads == 1)
        {
            // Whoever looks at the keys has a thread of his own, because it may take long.
            Process.After(_world.Chance(0.2) ? _world.Milliseconds(100, 2_000) : _world.Milliseconds(0.2, 20), job);
            return;
        }

        var hang = HangsUntil > _world.Now && _world.Chance(0.5) ? TimeSpan.FromTicks((HangsUntil - _world.Now) / 100) : TimeSpan.Zero;
        var pending = new BlockingJob();
        _jobs.Add(pending);
        _world.After(hang + _world.Milliseconds(0.05, _world.Chance(0.03) ? 100 : 1), () =>
        {
            _jobs.Remove(pending);
            if (pending.WasSubmitted && (Process.IsDead || Process.IsFrozen) && !_nexus.IsPreempted)
            {
                _nexus.RunSubmitted(job);
            }
            else if (pending.WasSubmitted && Process.IsDead)
            {
                _nexus.RunSubmitted(job);
            }
            else
            {
                Process.Deliver(job);
            }
        });
    }

    private void InOrder(ref long last, TimeSpan delay, Action step)
    {
        last = Math.Max(last + 1, _world.Now + World.Nanoseconds(delay));
        _world.At(last, () => Process.Deliver(step));
    }

    private void PostMetadata(Action job) =>
        InOrder(ref _lastMetadata, _world.Chance(0.03) ? _world.Milliseconds(5, 80) : _world.Milliseconds(0.02, 0.5), job);

    /// <summary>The process stops running; of its commands some have left it already.</summary>
    private void MarkSubmitted()
    {
        foreach (var job in _jobs)
        {
            job.WasSubmitted |= _world.Chance(0.5);
        }
    }

    private void Take(IReadOnlyList<ReservationKey> older, Action serving)
    {
        _nexus.Reserve();
        if (_rules.FencesOlderCoordinators)
        {
            foreach (var key in older)
            {
                _nexus.PreemptAndAbort(Key, key, TimeSpan.FromSeconds(5));
            }

            var keys = _nexus.ReadKeys();
            if (!keys.Contains(Key) || older.Any(keys.Contains))
            {
                throw new LunException(LunError.ReservationConflict, "An older coordinator's key is registered still, or mine is not.");
            }
        }

        var (volume, recovery) = _disk.Open(_nexus, Epoch, _rules, Process);
        _coordinator = new VolumeCoordinator(new CoordinatorParts
        {
            VolumeName = "Volume1",
            Epoch = Epoch,
            Volume = volume,
            Metadata = new MetadataThread(PostMetadata),
            Recovered = recovery,
            Lun = _nexus,
            Reservations = _nexus,
            OwnKey = Key,
            OwnKeyLife = _nexus,
            Time = Process.Clock,
            Loggers = NullLoggerFactory.Instance,
            Options = _rules.CoordinatorOptions,
            Failed = (reason, _) => End(reason),
            Stepped = this,
        });
        _ = ServeAsync(_coordinator, serving);
    }

    private async Task ServeAsync(VolumeCoordinator coordinator, Action serving)
    {
        await coordinator.StartAsync().ConfigureAwait(false);
        _network.Listen(Endpoint, Process, coordinator);
        IsServing = true;
        _world.Trace(Process.Name, $"serves on node{Process.Node}");
        serving();
    }

    private void Guarded(Action step)
    {
        try
        {
            step();
        }
        catch (Exception failure) when (failure is LunException or NtfsRefusedException or NtfsEngineException)
        {
            End(failure.Message);
        }
    }

    private void End(string reason)
    {
        if (!Process.IsDead)
        {
            Process.Kill(reason);
            _ended(reason);
        }
    }

    private sealed class BlockingJob
    {
        public bool WasSubmitted { get; set; }
    }
}
