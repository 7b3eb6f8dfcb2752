using Covol.Protocol.Ids;
using Covol.Simulation.Checks;
using Covol.Simulation.Disk;
using Covol.Simulation.Engine;
using Covol.Simulation.Model;
using Covol.Simulation.Parts;

namespace Covol.Simulation.Worlds;

/// <summary>
/// One world put together: a LUN, a volume, nodes with programs, coordinators one after the other, and what says who serves next. In the
/// real cluster that is membership and ownership with the cluster store; here it is a claim that always wins, because what the
/// claim order guards is shown by OwnershipWorld.
/// </summary>
internal sealed class Cluster : IDisposable
{
    private const int Clusters = 160;

    /// <summary>A commit of the real engine writes its record, then some pages.</summary>
    private const int CrashWritesMax = 24;

    private readonly World _world;
    private readonly Rules _rules;
    private readonly SimNetwork _network;
    private readonly SimLun _lun;
    private readonly IVolumeKind _disk;
    private readonly LunWatch _watch;
    private readonly Checkers _checkers;
    private readonly List<ReservationKey> _coordinatorKeys = [];
    private readonly List<CoordinatorProcess> _coordinators = [];
    private readonly Dictionary<int, ClientProcess> _clients = [];
    private readonly Dictionary<int, int> _lives = [];
    private readonly List<SimProgram> _programs = [];
    private long _epoch;
    private bool _isOver;

    public Cluster(World world, Scenario scenario, Rules rules)
    {
        _world = world;
        Scenario = scenario;
        _rules = rules.In(scenario);
        _network = new SimNetwork(world);
        var engine = scenario.HasRealEngine ? new EngineDisk(world) : null;
        _disk = engine is null ? new ModelDisk(Clusters) : engine;
        _lun = new SimLun(world, _disk.Size)
        {
            RefusesAtGate = scenario.RefusesAtGate,
            DrainsPreempted = rules.DrainsPreempted,
            ChecksKeys = rules.ChecksKeys,
            Flushes = rules.Flushes,
        };
        _checkers = new Checkers(world);
        _watch = new LunWatch(world, _lun, _disk)
        {
            ContentOf = _checkers.Content,
            SessionGone = _checkers.SessionGone,
            TailsCut = _checkers.TailsCut,
            TailEnded = _checkers.TailEnded,
        };
        if (engine is not null)
        {
            engine.Watch = _watch;
        }

        _disk.Format(_lun);
    }

    public World World => _world;

    public Scenario Scenario { get; }

    public SimNetwork Network => _network;

    public bool IsOver => _isOver;

    public IReadOnlyDictionary<int, ClientProcess> Clients => _clients;

    public CoordinatorProcess? Coordinator => _coordinators.Count == 0 ? null : _coordinators[^1];

    public IReadOnlyList<CoordinatorProcess> Coordinators => _coordinators;

    public void Start()
    {
        var volume = Scenario.HasRealEngine ? "NTFS" : "the model";
        _world.Trace("control", $"{Scenario.Trouble} with {Scenario.Nodes} nodes of {Scenario.ProgramsPerNode} programs on {volume}");
        TakeOver(_world.Random.Next(1, Scenario.Nodes + 1));
        for (var node = 1; node <= Scenario.Nodes; node++)
        {
            StartClient(node);
        }
    }

    /// <summary>A fresh coordinator under the next epoch; everybody hears of it at his own time once it serves.</summary>
    public void TakeOver(int node)
    {
        _epoch++;
        var older = _coordinatorKeys.ToList();
        CoordinatorProcess coordinator = null!;
        coordinator = new CoordinatorProcess(
            _world, _network, _lun, _disk, _rules, Scenario.SlowFences, new Epoch(_epoch), node, _ => CoordinatorEnded(coordinator));
        _coordinatorKeys.Add(coordinator.Key);
        _coordinators.Add(coordinator);
        _watch.Serves(coordinator.Process.Name, _epoch);
        _world.Trace("control", $"starts {coordinator.Process.Name} on node{node}");
        coordinator.Start(older, () =>
        {
            foreach (var client in _clients.Values)
            {
                var (least, most) = _isOver ? (1, 50)
                    : Scenario.NewsOf(client.Process.Node) ?? (1, _world.Chance(Scenario.SlowNews) ? 6000 : 50);
                Tell(client, coordinator, _world.Milliseconds(least, most));
            }
        });
    }

    public void KillCoordinator()
    {
        if (Coordinator is { Process.IsDead: false } coordinator)
        {
            if (Scenario.CrashesWriting && _world.Chance(0.5))
            {
                coordinator.CrashWriting(_world.Random.Next(1, CrashWritesMax));
                return;
            }

            coordinator.Process.Kill("crash");
            CoordinatorEnded(coordinator);
        }
    }

    /// <summary>Everything stops, in half of the cases in the middle of what the coordinator writes, and begins anew.</summary>
    public void CutPower()
    {
        if (Coordinator is { Process: { IsDead: false, IsFrozen: false } } coordinator && _world.Chance(0.5))
        {
            coordinator.CrashWriting(_world.Random.Next(1, CrashWritesMax), LosePowerAndStart);
        }
        else
        {
            LosePowerAndStart();
        }
    }

    private void LosePowerAndStart()
    {
        LosePower();
        CoordinatorEnded(Coordinator!);
        foreach (var (node, client) in _clients)
        {
            _world.After(_world.Milliseconds(200, 3_000), () =>
            {
                if (!_isOver && _clients[node] == client)
                {
                    StartClient(node);
                }
            });
        }
    }

    public void CoordinatorEnded(CoordinatorProcess coordinator)
    {
        if (coordinator == Coordinator)
        {
            _world.After(_world.Milliseconds(50, Scenario.Trouble is Trouble.DeposedCoordinators or Trouble.LateNews ? 300 : 2000), () =>
            {
                if (coordinator == Coordinator)
                {
                    TakeOver(_world.Random.Next(1, Scenario.Nodes + 1));
                }
            });
        }
    }

    public void StartClient(int node)
    {
        var life = _lives[node] = _lives.GetValueOrDefault(node) + 1;
        var client = new ClientProcess(_world, _network, _lun, _rules, node, life, Scenario.WaitLimit, Scenario.HasPath(node));
        _clients[node] = client;
        if (Coordinator is { IsServing: true } coordinator)
        {
            Tell(client, coordinator, _world.Milliseconds(1, 20));
        }

        for (var number = 1; number <= Scenario.ProgramsPerNode; number++)
        {
            var program = new SimProgram(_world, _checkers, client, number, Scenario);
            _programs.Add(program);
            client.Process.WhenKilled(() => _programs.Remove(program));
            _ = program.RunAsync(() => _isOver);
        }
    }

    /// <summary>
    /// Faults are over: everything heals, the programs end, and a fresh reader looks at every file. After a power cut a reader that knows
    /// only the LUN.
    /// </summary>
    public void Finish()
    {
        _isOver = true;
        _world.Trace("control", "faults end");
        _network.HealAll();
        foreach (var coordinator in _coordinators)
        {
            coordinator.HangsUntil = 0;
            coordinator.CrashNoMore();
            coordinator.Process.Thaw();
        }

        foreach (var client in _clients.Values)
        {
            client.HangUntil(0);
            client.Process.Thaw();
        }

        foreach (var (node, client) in _clients.ToList())
        {
            if (client.Process.IsDead)
            {
                // A node comes back, or nobody would end what it had.
                StartClient(node);
            }
        }

        AwaitRest(_world.Now + World.Nanoseconds(TimeSpan.FromSeconds(200)));
    }

    private void LosePower()
    {
        foreach (var process in _clients.Values.Select(static client => client.Process)
            .Concat(_coordinators.Select(static coordinator => coordinator.Process)).Where(static process => !process.IsDead).ToList())
        {
            process.Kill("power cut");
        }

        _lun.CutPower();
        _watch.PowerCut();
        foreach (var content in _checkers.Contents)
        {
            content.PowerCut();
        }
    }

    /// <summary>After the world has ended.</summary>
    public void Dispose() => _disk.Dispose();

    private static void Tell(ClientProcess client, CoordinatorProcess coordinator, TimeSpan after) =>
        client.Process.After(after, () => client.Volume.SetCoordinator(coordinator.Epoch, [coordinator.Endpoint]));

    private void AwaitRest(long deadline)
    {
        if (_programs.Find(program => !program.HasEnded) is not { } busy)
        {
            Examine();
            return;
        }

        if (_world.Now > deadline)
        {
            _world.Break("I9", $"200 s after the last fault {busy.Name} still {busy.Doing}");
            return;
        }

        _world.After(TimeSpan.FromMilliseconds(200), () => AwaitRest(deadline));
    }

    private void Examine()
    {
        if (Scenario.EndsWithPowerCut)
        {
            LosePower();
            TakeOver(1);
        }

        _clients.Clear();
        var life = _lives[1] = _lives.GetValueOrDefault(1) + 1;
        var reader = new ClientProcess(_world, _network, _lun, _rules, Scenario.Nodes + 1, life, TimeSpan.FromSeconds(60), hasPath: true);
        _clients[Scenario.Nodes + 1] = reader;
        if (Coordinator is { IsServing: true, Process.IsDead: false } serving)
        {
            Tell(reader, serving, TimeSpan.FromMilliseconds(1));
        }

        _ = new FinalReader(_world, _checkers, reader, () => _disk.Check(_lun)).RunAsync();
        _world.After(TimeSpan.FromSeconds(120), () => _world.Break("I9", "the last reader did not end within 120 s"));
    }
}
