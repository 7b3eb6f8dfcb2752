using Covol.Simulation.Parts;

namespace Covol.Simulation.Worlds;

/// <content>Faults that come in an order: aimed at the moments in which one rule stands alone.</content>
internal sealed partial class Faults
{
    /// <summary>
    /// A node loses all networks, not its LUN: it hears of no recall and of no fence, and reads on under the lease that it has (SAFETY 7).
    /// </summary>
    private void DeafenNode(int node)
    {
        if (cluster.Coordinator?.Process.Node == node)
        {
            node = (node % cluster.Scenario.Nodes) + 1;
        }

        for (var other = 1; other <= cluster.Scenario.Nodes; other++)
        {
            cluster.Network.Cut(node, other);
        }

        if (_world.Chance(0.4))
        {
            // The next coordinator has to know that it may read still.
            EvictAfter(node, cluster.Clients[node], _world.Milliseconds(500, 1_500));
            BeginAnewAfter(node, cluster.Clients[node], _world.Milliseconds(12_500, 14_000));
            _world.After(_world.Milliseconds(2_500, 4_000), () =>
            {
                if (cluster.Coordinator?.Process.Node != node)
                {
                    cluster.KillCoordinator();
                }
            });
        }

        _world.After(_world.Milliseconds(6_500, 12_000), () =>
        {
            for (var other = 1; other <= cluster.Scenario.Nodes; other++)
            {
                cluster.Network.Heal(node, other);
            }
        });
    }

    /// <summary>
    /// The coordinator's LUN hangs with redirected writes inside, for longer than their programs wait (SAFETY 9); of their nodes one may die
    /// meanwhile and be evicted (SAFETY 20).
    /// </summary>
    private void LoseCoordinatorPath(int node, ClientProcess client)
    {
        if (cluster.Coordinator is not { Process.IsDead: false } coordinator)
        {
            return;
        }

        var limit = cluster.Scenario.WaitLimit.TotalMilliseconds;
        var dies = _world.Chance(0.5);
        HangCoordinator(coordinator, dies ? _world.Milliseconds(1_500, 8_000) : _world.Milliseconds(limit + 200, limit * 1.8));
        if (dies)
        {
            _world.After(_world.Milliseconds(100, 400), () => client.Process.Kill("crash"));
            EvictAfter(node, client, _world.Milliseconds(500, 1_000));
            RestartAfter(node, client, _world.Milliseconds(1_000, 4_000));
        }
    }

    /// <summary>A node dies and is evicted while what it had submitted is still on its way to the LUN (SAFETY 1).</summary>
    private void KillWriting(int node, ClientProcess client)
    {
        client.HangUntil(_world.Now + World.Nanoseconds(_world.Milliseconds(3_000, 9_000)));
        _world.After(_world.Milliseconds(100, 500), () => client.Process.Kill("crash"));
        EvictAfter(node, client, _world.Milliseconds(600, 1_500));
        RestartAfter(node, client, _world.Milliseconds(2_000, 5_000));
    }

    /// <summary>
    /// Whoever has room behind a file's valid length is waited for when the file is cut, and here for longer than the cut is: given up, it
    /// must not cut what is written then (I3).
    /// </summary>
    private void SleepUntilOthersGiveUp(ClientProcess holder)
    {
        holder.Process.Freeze();
        _world.After(cluster.Scenario.WaitLimit + _world.Milliseconds(1_500, 5_000), holder.Process.Thaw);
    }

    /// <summary>
    /// What a coordinator says that was overtaken while it slept, to a node that does not know it yet (SAFETY 2); and what the next one may
    /// give away before that node has said what it holds (SAFETY 21).
    /// </summary>
    private void FreezeAndOvertake()
    {
        if (cluster.Coordinator is { IsServing: true, Process: { IsDead: false, IsFrozen: false } } frozen)
        {
            frozen.Freeze();
            _world.After(_world.Milliseconds(200, 500), () => cluster.CoordinatorEnded(frozen));
            _world.After(_world.Milliseconds(5_500, 12_500), frozen.Process.Thaw);
        }
    }
}
