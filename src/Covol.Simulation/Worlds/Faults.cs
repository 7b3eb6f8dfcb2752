using Covol.Protocol.Ids;
using Covol.Simulation.Parts;

namespace Covol.Simulation.Worlds;

/// <summary>What goes wrong, when, where: drawn from the seed.</summary>
internal sealed partial class Faults(Cluster cluster)
{
    // From here on: not among the dice of other troubles.
    private const int Sleep = 100;
    private const int Evict = 101;
    private const int Deafen = 102;
    private const int LosePath = 103;
    private const int DieWriting = 104;
    private const int SleepWithTail = 105;
    private const int Overtake = 106;

    private readonly World _world = cluster.World;

    public void Start()
    {
        if (cluster.Scenario.FaultEvery < TimeSpan.FromHours(1))
        {
            Next();
        }

        if (cluster.Scenario.PowerCutAfter is { } after)
        {
            _world.After(after, () =>
            {
                if (!cluster.IsOver)
                {
                    cluster.CutPower();
                }
            });
        }

        _world.After(cluster.Scenario.Length, cluster.Finish);
    }

    private void Next() => _world.After(cluster.Scenario.FaultEvery * (0.2 + (1.6 * _world.Random.NextDouble())), () =>
    {
        if (cluster.IsOver)
        {
            return;
        }

        Strike();
        Next();
    });

    private void Strike()
    {
        var node = _world.Random.Next(1, cluster.Scenario.Nodes + 1);
        var client = cluster.Clients[node];
        int[] favourites = cluster.Scenario.Trouble switch
        {
            Trouble.HungNodes => [30, 30, 70, 54, 42],
            Trouble.DeposedCoordinators => [80, 80, 80, 0],
            Trouble.HungCoordinators => [95, 95, 95, 70, 55],
            Trouble.LostNodes => [43, 55, 55, 70, Evict, Evict],
            Trouble.BrokenNetwork => [0, 20, 20, 70],
            Trouble.SleepingReaders => [Sleep],
            Trouble.DeafReaders => [Deafen],
            Trouble.LostPaths => [LosePath],
            Trouble.DyingWriters => [DieWriting],
            Trouble.SleepingTails => [SleepWithTail],
            Trouble.LateNews => [Overtake],
            _ => [],
        };
        var dice = favourites.Length > 0 && _world.Chance(0.7)
            ? favourites[_world.Random.Next(favourites.Length)]
            : _world.Random.Next(100);
        switch (dice)
        {
            case < 18:
                cluster.Network.BreakOne();
                break;
            case < 28:
                var other = _world.Random.Next(1, cluster.Scenario.Nodes + 1);
                cluster.Network.Cut(node, other);
                _world.After(_world.Milliseconds(100, 15_000), () => cluster.Network.Heal(node, other));
                break;
            case < 42:
                var hang = _world.Milliseconds(200, 25_000);
                _world.Trace(client.Process.Name, $"its LUN path hangs {hang.TotalSeconds:0.000} s");
                client.HangUntil(_world.Now + World.Nanoseconds(hang));
                if (cluster.Scenario.Trouble == Trouble.HungNodes)
                {
                    // What was submitted is still on its way while the next coordinator is reclaimed from.
                    _world.After(_world.Milliseconds(10, hang.TotalMilliseconds), _world.Chance(0.5) ? cluster.KillCoordinator : FreezeCoordinator);
                }

                break;
            case < 54:
                client.Process.Freeze();
                _world.After(_world.Milliseconds(500, 25_000), client.Process.Thaw);
                break;
            case < 62:
                KillClient(node, client);
                break;
            case < 76:
                cluster.KillCoordinator();
                break;
            case < 86:
                FreezeCoordinator();
                break;
            case Sleep:
                client.Process.Freeze();
                // It wakes within its lease, or after it.
                _world.After(
                    _world.Chance(0.5) ? _world.Milliseconds(5_500, 9_500) : _world.Milliseconds(13_000, 22_000), client.Process.Thaw);
                break;
            case Evict:
                EvictAlive(node, client);
                break;
            case Deafen:
                DeafenNode(node);
                break;
            case LosePath:
                LoseCoordinatorPath(cluster.Scenario.Nodes, cluster.Clients[cluster.Scenario.Nodes]);
                break;
            case DieWriting:
                KillWriting(node, client);
                break;
            case SleepWithTail:
                SleepUntilOthersGiveUp(cluster.Clients[1]);
                break;
            case Overtake:
                FreezeAndOvertake();
                break;
            case < 92:
                MoveCoordinator();
                break;
            default:
                HangCoordinator();
                break;
        }
    }

    private void KillClient(int node, ClientProcess client)
    {
        client.Process.Kill("crash");
        if (_world.Chance(0.5))
        {
            EvictAfter(node, client, _world.Milliseconds(1000, 4000));
        }

        RestartAfter(node, client, _world.Milliseconds(500, 6000));
    }

    private void EvictAfter(int node, ClientProcess client, TimeSpan after) => _world.After(after, () =>
    {
        if (cluster.Coordinator is { IsServing: true } coordinator)
        {
            _ = coordinator.EvictAsync(new NodeId(node), client.Key);
        }
    });

    private void RestartAfter(int node, ClientProcess client, TimeSpan after) => _world.After(after, () =>
    {
        if (!cluster.IsOver && cluster.Clients[node] == client)
        {
            cluster.StartClient(node);
        }
    });

    /// <summary>
    /// A node that nobody heard of for a while is evicted; what it had submitted is still on its way. It finds that it was, and begins anew.
    /// </summary>
    private void EvictAlive(int node, ClientProcess client)
    {
        client.HangUntil(_world.Now + World.Nanoseconds(_world.Milliseconds(500, 8_000)));
        _world.After(_world.Milliseconds(1, 100), client.Process.Freeze);
        EvictAfter(node, client, _world.Milliseconds(800, 2_500));
        _world.After(_world.Milliseconds(3_000, 15_000), client.Process.Thaw);
        BeginAnewAfter(node, client, _world.Milliseconds(15_500, 17_000));
    }

    /// <summary>Also when faults have ended: under its old key it gets no session any more.</summary>
    private void BeginAnewAfter(int node, ClientProcess client, TimeSpan after) => _world.After(after, () =>
    {
        if (cluster.Clients.GetValueOrDefault(node) == client && !client.Process.IsDead)
        {
            client.Process.Kill("evicted");
            cluster.StartClient(node);
        }
    });

    private void FreezeCoordinator()
    {
        if (cluster.Coordinator is not { Process: { IsDead: false, IsFrozen: false } } frozen)
        {
            return;
        }

        // One that wakes soon after it was overtaken still has callers that have not heard of the newer one.
        var wakesSoon = cluster.Scenario.Trouble == Trouble.DeposedCoordinators;
        frozen.Freeze();
        _world.After(wakesSoon ? _world.Milliseconds(1500, 8000) : _world.Milliseconds(100, 20_000), frozen.Process.Thaw);
        _world.After(wakesSoon ? _world.Milliseconds(300, 1500) : _world.Milliseconds(1000, 4000), () =>
        {
            if (frozen.Process.IsFrozen)
            {
                cluster.CoordinatorEnded(frozen);
            }
        });
    }

    private void MoveCoordinator()
    {
        if (cluster.Coordinator is { IsServing: true, Process: { IsDead: false, IsFrozen: false } } coordinator)
        {
            _ = coordinator.HandOverAsync(() => cluster.CoordinatorEnded(coordinator));
        }
    }

    private void HangCoordinator()
    {
        if (cluster.Coordinator is { } coordinator)
        {
            HangCoordinator(coordinator, _world.Milliseconds(200, 25_000));
        }
    }

    private void HangCoordinator(CoordinatorProcess coordinator, TimeSpan hang)
    {
        _world.Trace(coordinator.Process.Name, $"its LUN path hangs {hang.TotalSeconds:0.000} s");
        coordinator.HangsUntil = _world.Now + World.Nanoseconds(hang);
    }
}
