using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.Protocol.Ownership;
using Covol.Protocol.Store;

namespace Covol.Tests.Ownership;

/// <summary>
/// Three nodes, one LUN, one store, and a seed that says which faults come when: frozen nodes, crashes, a lost store, lost answers,
/// repeated requests, wrong verdicts of membership, orders of an administrator. Time is nanoseconds.
/// </summary>
internal sealed class OwnershipWorld
{
    public const string Volume = "Volume1";

    private const int NodeCount = 3;
    private const int EventsMax = 400_000;

    private readonly Random _random;
    private readonly PriorityQueue<Action, (long At, long Order)> _events = new();
    private readonly WorldNode[] _nodes;
    private readonly HashSet<(NodeId By, NodeId About)> _condemned = [];
    private readonly Queue<string> _trace = [];
    private readonly Dictionary<NodeId, long> _evicted = [];
    private OwnershipRecord _record = OwnershipRecord.Unowned(Volume, new NodeId(1));
    private MoveOrder? _order;
    private long _revision = 1;
    private long _attempt;
    private long _faultsEnd;
    private long _sequence;

    public OwnershipWorld(int seed, OwnershipGuards guards)
    {
        _random = new Random(seed);
        Guards = guards;
        _nodes = [.. Enumerable.Range(1, NodeCount).Select(id => new WorldNode(this, new NodeId(id)))];
    }

    public OwnershipGuards Guards { get; }

    public WorldLun Lun { get; } = new();

    public long Now { get; private set; }

    /// <summary>Whom the coordinator that serves at the end was not told to evict; null: it was told all.</summary>
    public NodeId? Untold { get; private set; }

    public Epoch Epoch => _record.Epoch;

    /// <summary>The last things that happened, for a failing seed.</summary>
    public string History => string.Join(Environment.NewLine, _trace);

    public static long Milliseconds(double milliseconds) => (long)(milliseconds * 1_000_000);

    /// <summary>Faults for <paramref name="faultSeconds"/>, then none. Returns why the volume is not served afterwards; null: it is.</summary>
    public string? Run(int faultSeconds, int healSeconds)
    {
        foreach (var node in _nodes)
        {
            At(Between(0, 200), node.Start);
        }

        _faultsEnd = Milliseconds(faultSeconds * 1000.0);
        for (var at = Milliseconds(1000); at < _faultsEnd; at += Between(200, 4000))
        {
            At(at, Fault);
        }

        At(_faultsEnd, Heal);
        var end = Milliseconds((faultSeconds + healSeconds) * 1000.0);
        for (var count = 0; Lun.Violation is null && _events.TryPeek(out _, out var next) && next.At <= end; count++)
        {
            if (count > EventsMax)
            {
                return "the world does not come to rest";
            }

            var act = _events.Dequeue();
            Now = next.At;
            act();
        }

        return Lun.Violation is null ? NotServed() : null;
    }

    public void At(long at, Action act) => _events.Enqueue(act, (Math.Max(at, Now), _sequence++));

    public long Between(int fromMs, int toMs) => Milliseconds(fromMs) + _random.NextInt64(Milliseconds(toMs - fromMs) + 1);

    public bool Chance(double probability) => _random.NextDouble() < probability;

    public ReservationKey NextKey(NodeId node) => KeyLayout.CoordinatorKey(1, node, 1, ++_attempt);

    public void Trace(string sentence)
    {
        if (_trace.Count == 200)
        {
            _trace.Dequeue();
        }

        _trace.Enqueue($"{Now / 1e9:0.000} {sentence}");
    }

    /// <summary>A node's control plane has started: it hears how things are.</summary>
    public void Introduce(WorldNode node)
    {
        TellMembers(node);
        TellStore(node);
    }

    /// <summary>The administrator's order, or its end.</summary>
    public void Order(MoveOrder? order)
    {
        _order = order;
        Publish();
    }

    public void Write(WorldNode from, WriteRecord write)
    {
        if (!from.ReachesStore)
        {
            from.Deliver(Milliseconds(500), new WriteAnswered(null));
            return;
        }

        var isAnswerLost = Chance(0.1);
        At(Now + Between(1, 60), () =>
        {
            var happened = Apply(write);
            if (happened && write.Record is { Owner: not null, Answers: false } && Now < _faultsEnd && Chance(0.1))
            {
                Trace($"{from.Id} freezes after its claim");
                var until = Now + Between(1000, 12_000);
                from.Freeze(until);
                Condemn(from, until);
            }

            if (isAnswerLost)
            {
                from.Deliver(Milliseconds(500), new WriteAnswered(null));
                return;
            }

            var delay = Between(1, 60);
            from.Deliver(delay, new RecordSeen(new StoreRevision(_revision), _record));
            from.Deliver(delay, new WriteAnswered(happened));
        });
        if (Chance(0.1))
        {
            At(Now + Between(1, 3000), () => Apply(write));
        }
    }

    private bool Apply(WriteRecord write)
    {
        if (write.Expected.Value != _revision)
        {
            return false;
        }

        _revision++;
        _record = write.Record;
        _order = write.DeletesMoveOrder ? null : _order;
        Trace($"store: {_record.Epoch} owner {_record.Owner} {_record.Key} fence {_record.KeysToFence.Count} answers {_record.Answers}");
        Publish();
        return true;
    }

    private void Publish()
    {
        foreach (var node in _nodes.Where(node => node.ReachesStore))
        {
            TellStore(node);
        }
    }

    private void TellStore(WorldNode node)
    {
        node.Deliver(Between(1, 80), new RecordSeen(new StoreRevision(_revision), _record));
        node.Deliver(Between(1, 80), new MoveOrderSeen(_order));
        foreach (var (evicted, incarnation) in _evicted)
        {
            node.Deliver(Between(1, 80), new EvictionSeen(evicted, incarnation));
        }
    }

    private void TellMembers(WorldNode node)
    {
        var dead = _nodes.Select(other => other.Id).Where(other => other != node.Id && _condemned.Contains((node.Id, other))).ToHashSet();
        var alive = _nodes.Select(other => other.Id).Except(dead).ToHashSet();
        node.Deliver(Between(0, 10), new MembersSeen(alive, dead));
    }

    /// <summary>The others take the node for dead after a while, rightly or not, and for alive later.</summary>
    private void Condemn(WorldNode victim, long until)
    {
        At(Now + Between(2000, 5000), () => Evict(victim));
        foreach (var judge in _nodes.Where(node => node != victim))
        {
            At(Now + Between(800, 3000), () => Judge(judge, victim, isDead: true));
            At(until + Between(3000, 4000), () => Judge(judge, victim, isDead: false));
        }
    }

    /// <summary>On record, rightly or not: who serves has to be told, now or whenever it begins to serve.</summary>
    private void Evict(WorldNode victim)
    {
        _evicted[victim.Id] = _evicted.GetValueOrDefault(victim.Id) + 1;
        Trace($"{victim.Id} is evicted up to {_evicted[victim.Id]}");
        Publish();
    }

    private void Judge(WorldNode judge, WorldNode victim, bool isDead)
    {
        if (isDead ? _condemned.Add((judge.Id, victim.Id)) : _condemned.Remove((judge.Id, victim.Id)))
        {
            TellMembers(judge);
        }
    }

    private void Fault()
    {
        var node = _nodes[_random.Next(NodeCount)];
        var until = Now + Between(300, 12_000);
        switch (_random.Next(9))
        {
            case 0 or 1:
                Trace($"{node.Id} freezes");
                node.Freeze(until);
                Condemn(node, until);
                break;
            case 2:
                Trace($"{node.Id} crashes");
                node.Crash();
                Condemn(node, until);
                At(until, node.Start);
                break;
            case 3:
                Trace($"{node.Id} loses its coordinator process");
                node.CrashCoordinator();
                break;
            case 4:
                Trace($"{node.Id} loses its control plane");
                node.StopControlPlane();
                At(until, node.Start);
                break;
            case 5:
                foreach (var cut in Chance(0.3) ? _nodes : [node])
                {
                    Trace($"{cut.Id} loses the store");
                    cut.ReachesStore = false;
                    At(until, () => Reach(cut));
                }

                break;
            case 6:
                Trace($"{node.Id} is taken for dead");
                Condemn(node, until);
                break;
            case 7:
                Trace($"the volume is ordered to {node.Id}");
                Order(new MoveOrder(Volume, node.Id));
                break;
            default:
                Trace($"{node.Id} is shut down");
                node.Deliver(0, new ShutdownOrdered());
                At(until + Milliseconds(25_000), () =>
                {
                    node.Crash();
                    node.Start();
                });
                break;
        }
    }

    private void Reach(WorldNode node)
    {
        node.ReachesStore = true;
        TellStore(node);
    }

    private void Heal()
    {
        foreach (var node in _nodes)
        {
            node.Thaw();
            node.Start();
            Reach(node);
        }
    }

    private string? NotServed()
    {
        var serving = _nodes.Where(node => node.Running is { Phase: CoordinatorPhase.Serving }).ToArray();
        if (serving.Length == 1 && _evicted.FirstOrDefault(told => serving[0].Running!.Evicted.GetValueOrDefault(told.Key) != told.Value) is
            { Value: > 0 } untold)
        {
            Untold = untold.Key;
            return $"at the end {serving[0].Id} serves and was not told that {untold.Key} is evicted up to {untold.Value}";
        }

        return serving.Length == 1 && _record is { Answers: true } && _record.Owner == serving[0].Id
                && serving[0].Running!.Key == _record.Key && _order is null
            ? null
            : $"at the end {serving.Length} nodes serve, the record says {_record}, the order {_order}";
    }
}
