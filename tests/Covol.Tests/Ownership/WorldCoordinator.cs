using Covol.Protocol.Control;
using Covol.Protocol.Ids;

namespace Covol.Tests.Ownership;

/// <summary>A coordinator process of the world: registers, waits, fences, verifies, replays, writes, until it ends.</summary>
internal sealed class WorldCoordinator
{
    private const int ReplayWrites = 3;

    private readonly OwnershipWorld _world;
    private readonly WorldNode _node;
    private readonly ReservationKey _writesUnder;
    private Epoch _epoch;
    private long _lastLanding;

    public WorldCoordinator(OwnershipWorld world, WorldNode node, ReservationKey key)
    {
        _world = world;
        _node = node;
        Key = key;
        _writesUnder = world.Guards.ClaimNamesKey ? key : new ReservationKey(key.Value ^ (1UL << 27));
        Later(30, 300, () =>
        {
            if (world.Guards.RegistersBeforeClaim)
            {
                world.Lun.Register(_writesUnder);
            }

            Report(CoordinatorPhase.Standby);
        });
    }

    public ReservationKey Key { get; }

    public CoordinatorPhase Phase { get; private set; } = CoordinatorPhase.Starting;

    public bool HasEnded { get; private set; }

    /// <summary>Whom it was told to evict.</summary>
    public Dictionary<NodeId, long> Evicted { get; } = [];

    public string Endpoint => $"tcp:node{_node.Id.Value}:{Key.Value & 0xFFFF}";

    public void Activate(Epoch epoch, IReadOnlyList<ReservationKey> keysToFence)
    {
        _epoch = epoch;
        Later(1, 20, () =>
        {
            if (!_world.Guards.RegistersBeforeClaim)
            {
                _world.Lun.Register(_writesUnder);
            }

            Report(CoordinatorPhase.Fencing);
            Fence(keysToFence, 0);
        });
    }

    public void HandOver()
    {
        if (Phase is CoordinatorPhase.Serving or CoordinatorPhase.Grace)
        {
            Report(CoordinatorPhase.HandingOver);
            At(Math.Max(_lastLanding, _world.Now) + OwnershipWorld.Milliseconds(5), () =>
            {
                _world.Lun.Unregister(_writesUnder);
                End("handed over");
            });
        }
    }

    /// <summary>Killed, crashed or finished. What it has in flight lands all the same, and a killed one stays registered.</summary>
    public void End(string reason)
    {
        if (!HasEnded)
        {
            HasEnded = true;
            _node.ProcessEnded(this, reason);
        }
    }

    private void Fence(IReadOnlyList<ReservationKey> keys, int next)
    {
        if (next == keys.Count || !_world.Guards.PreemptsBeforeReplay)
        {
            Later(1, 10, () => Verify(keys));
            return;
        }

        if (!_world.Lun.IsRegistered(_writesUnder))
        {
            End("reservation conflict");
            return;
        }

        var drained = _world.Lun.Preempt(keys[next]);
        var done = _world.Now + _world.Between(1, 30);
        At(_world.Guards.PreemptDrains ? Math.Max(done, drained) : done, () => Fence(keys, next + 1));
    }

    private void Verify(IReadOnlyList<ReservationKey> keys)
    {
        if (!_world.Lun.IsRegistered(_writesUnder) || (_world.Guards.PreemptsBeforeReplay && keys.Any(_world.Lun.IsRegistered)))
        {
            End("its key was preempted");
            return;
        }

        Report(CoordinatorPhase.Recovering);
        _world.Lun.BeginReplay(_epoch);
        Replay(ReplayWrites);
    }

    private void Replay(int left)
    {
        if (!TryWrite())
        {
            return;
        }

        Later(2, 40, () =>
        {
            if (left > 0)
            {
                Replay(left - 1);
            }
            else
            {
                Report(CoordinatorPhase.Grace);
                Serve();
            }
        });
    }

    private void Serve()
    {
        if (Phase is CoordinatorPhase.Grace)
        {
            Report(CoordinatorPhase.Serving);
        }

        if (Phase is CoordinatorPhase.Serving && TryWrite())
        {
            Later(20, 200, Serve);
        }
    }

    private bool TryWrite()
    {
        var lands = _world.Now + (_world.Chance(0.1) ? _world.Between(100, 900) : _world.Between(1, 5));
        if (!_world.Lun.TryWrite(_writesUnder, lands))
        {
            End("reservation conflict");
            return false;
        }

        _lastLanding = Math.Max(_lastLanding, lands);
        var epoch = _epoch;
        _world.At(lands, () => _world.Lun.Land(epoch));
        return true;
    }

    private void Report(CoordinatorPhase phase)
    {
        Phase = phase;
        _node.ProcessReported(this);
    }

    private void Later(int fromMs, int toMs, Action act) => At(_world.Now + _world.Between(fromMs, toMs), act);

    /// <summary>A frozen process does it when it wakes; an ended one never.</summary>
    private void At(long at, Action act) => _world.At(at, () =>
    {
        if (HasEnded)
        {
            return;
        }

        if (_node.FrozenUntil > _world.Now)
        {
            At(_node.FrozenUntil + _world.Between(0, 20), act);
        }
        else
        {
            act();
        }
    });
}
