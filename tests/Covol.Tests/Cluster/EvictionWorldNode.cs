using Covol.Protocol.Ids;
using Covol.Protocol.Membership;
using Covol.Protocol.Store;
using Covol.Protocol.Units;

namespace Covol.Tests.Cluster;

/// <summary>
/// A node of the eviction world: a control plane with its membership machine, and a data path that wants the lock and writes under it.
/// Frozen, both stand still; cut off, the control plane hears neither peers nor store, and the data path goes on.
/// </summary>
internal sealed class EvictionWorldNode(EvictionWorld world, NodeId id)
{
    private static readonly MembershipSettings s_settings = new();
    private readonly Dictionary<NodeId, (StoreRevision Revision, long At)> _condemned = [];
    private MembershipMachine? _machine;
    private long _leaseUntil;
    private long _obeyed;
    private long _known;
    private long? _incarnation;
    private long? _grant;

    public NodeId Id { get; } = id;

    public long FrozenUntil { get; set; }

    public long CutUntil { get; set; }

    private bool IsCut => CutUntil > world.Now;

    public void Start()
    {
        _machine ??= New();
        Tick();
        Work();
    }

    /// <summary>The data path goes on without it; peers hear nothing until it is back.</summary>
    public void RestartControlPlane(long until)
    {
        _machine = null;
        world.At(until, () => _machine ??= New());
    }

    /// <summary>Its key is fenced because a path broke: no eviction, the session goes on under the next key.</summary>
    public void LosePath()
    {
        if (_incarnation is { } mine)
        {
            world.Preempt(Id, mine);
        }
    }

    /// <summary>The store's watch.</summary>
    public void Hears(EvictionRecord record) => Later(world.Between(1, 100), () =>
    {
        if (record.Node == Id && !IsCut && _machine is not null)
        {
            _known = Math.Max(_known, record.Number);
        }
    });

    private MembershipMachine New()
    {
        var machine = new MembershipMachine(Id, s_settings);
        machine.Step(Moment, new MembersConfigured(world.Nodes.Select(node => node.Id).ToHashSet()), []);
        _known = world.EvictionNumber(Id);
        return machine;
    }

    private Moment Moment => new(world.Now);

    private void Tick()
    {
        if (_machine is not null)
        {
            Step(new MembershipTick());
            if (!IsCut)
            {
                if (_leaseUntil < world.Now)
                {
                    world.TakeLife(Id);
                    _known = Math.Max(_known, world.EvictionNumber(Id));
                }

                _leaseUntil = world.Now + (long)s_settings.Lease.TotalNanoseconds;
                Step(new LeaseRenewed(Moment));
                Step(new LeasesSeen(world.Nodes.Where(node => node._leaseUntil > world.Now).Select(node => node.Id).ToHashSet()));
            }
        }

        Later(EvictionWorld.Milliseconds(125), Tick);
    }

    private void Step(MembershipInput input)
    {
        var effects = new List<MembershipEffect>();
        _machine!.Step(Moment, input, effects);
        foreach (var effect in effects)
        {
            switch (effect)
            {
                case SendHeartbeats beat when !IsCut:
                    foreach (var other in world.Nodes.Where(node => node != this))
                    {
                        other.Later(world.Between(1, 20), () => other.Take(new HeartbeatReceived(Id, beat.Hears, IsRestarting: false)));
                    }

                    break;
                case PeerReported { Health: PeerHealth.Dead } dead:
                    _condemned[dead.Peer] = (world.Revision, world.Now);
                    break;
                case EvictPeer evict:
                    Later(world.Between(1, 300), () => Evict(evict.Peer));
                    break;
            }
        }
    }

    private void Take(MembershipInput input)
    {
        if (_machine is not null && !IsCut)
        {
            Step(input);
        }
    }

    private void Evict(NodeId peer)
    {
        if (_machine is null)
        {
            return;
        }

        var (revision, at) = _condemned[peer];
        var outcome = IsCut ? EvictionOutcome.NotKnown : world.Evict(peer, Id, revision, at);
        if (outcome == EvictionOutcome.Outdated)
        {
            _condemned[peer] = (world.Revision, world.Now);
        }

        Step(new EvictionAnswered(peer, outcome));
    }

    /// <summary>The data path: a key, the lock, writes; a refused write asks for the next key, and an eviction ends it all.</summary>
    private void Work()
    {
        if (_known > _obeyed)
        {
            world.Trace($"{Id} obeys eviction {_known}");
            (_obeyed, _incarnation, _grant) = (_known, null, null);
        }

        if (_incarnation is not { } mine)
        {
            Renew();
        }
        else if (_grant is not { } grant)
        {
            _grant = world.TryTakeLock(Id, mine);
        }
        else if (!world.TryWrite(Id, mine, grant))
        {
            Renew();
            if (_incarnation is { } next && next != mine && !world.Resume(Id, grant, next))
            {
                _grant = null;
            }
        }

        Later(world.Between(5, 100), Work);
    }

    private void Renew()
    {
        if (IsCut || _machine is null)
        {
            return;
        }

        if (world.NextIncarnation(Id, _obeyed) is { } next)
        {
            _incarnation = next;
            world.Register(Id, next);
        }
        else
        {
            _known = world.EvictionNumber(Id);
        }
    }

    /// <summary>A frozen node does it when it wakes.</summary>
    private void Later(long delay, Action act) => world.At(world.Now + delay, () =>
    {
        if (FrozenUntil > world.Now)
        {
            Later(FrozenUntil - world.Now + world.Between(0, 50), act);
        }
        else
        {
            act();
        }
    });
}
