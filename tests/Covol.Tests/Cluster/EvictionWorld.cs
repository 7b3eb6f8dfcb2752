using Covol.Protocol.Ids;
using Covol.Protocol.Membership;
using Covol.Protocol.Store;

namespace Covol.Tests.Cluster;

/// <summary>What keeps an eviction safe in the world. Each can be switched off, and the checker must then find it.</summary>
internal sealed record EvictionGuards
{
    /// <summary>An evicted node's lock is released after its keys are fenced.</summary>
    public bool FencesBeforeRelease { get; init; } = true;

    /// <summary>A fence ends after the victim's I/O in flight has landed.</summary>
    public bool FenceDrains { get; init; } = true;

    /// <summary>A data path that was evicted gets no further key.</summary>
    public bool KeysCompareEvictions { get; init; } = true;

    /// <summary>A verdict evicts only the life that it fell on.</summary>
    public bool VerdictNamesALife { get; init; } = true;
}

/// <summary>
/// Three nodes with their membership machines, one store, one LUN, and one coordinator that gives out one lock, under which a node writes.
/// A seed says who freezes, who is cut off and whose control plane restarts. Time is nanoseconds.
/// </summary>
internal sealed class EvictionWorld
{
    public const int NodeCount = 3;

    private readonly Random _random;
    private readonly PriorityQueue<Action, (long At, long Order)> _events = new();
    private readonly Queue<string> _trace = [];
    private readonly Dictionary<NodeId, (EvictionRecord Record, long Revision)> _evictions = [];
    private readonly Dictionary<NodeId, long> _incarnations = [];
    private readonly Dictionary<NodeId, (long Revision, long At)> _lives = [];
    private readonly Dictionary<NodeId, long> _acted = [];
    private readonly Dictionary<(NodeId Node, long Incarnation), long> _lastLanding = [];
    private readonly HashSet<(NodeId Node, long Incarnation)> _registered = [];
    private long _revision = 1;
    private long _sequence;
    private long _grant;

    public EvictionWorld(int seed, EvictionGuards guards)
    {
        _random = new Random(seed);
        Guards = guards;
        Nodes = [.. Enumerable.Range(1, NodeCount).Select(id => new EvictionWorldNode(this, new NodeId(id)))];
    }

    public EvictionGuards Guards { get; }

    public IReadOnlyList<EvictionWorldNode> Nodes { get; }

    public long Now { get; private set; }

    /// <summary>Who has the lock, since when, and the key that it holds it under.</summary>
    public (NodeId Node, long Incarnation, long Grant, long Since)? Holder { get; private set; }

    public string? Violation { get; private set; }

    public int Evicted { get; private set; }

    public int Landed { get; private set; }

    public int Grants => (int)_grant;

    public string History => string.Join(Environment.NewLine, _trace);

    public static long Milliseconds(double milliseconds) => (long)(milliseconds * 1_000_000);

    public void Run(int seconds)
    {
        foreach (var node in Nodes)
        {
            node.Start();
        }

        for (var at = Milliseconds(3000); at < Milliseconds(seconds * 1000.0); at += Between(500, 5000))
        {
            At(at, Fault);
        }

        while (Violation is null && _events.TryPeek(out _, out var next) && next.At <= Milliseconds(seconds * 1000.0))
        {
            var act = _events.Dequeue();
            Now = next.At;
            act();
        }
    }

    public void At(long at, Action act) => _events.Enqueue(act, (Math.Max(at, Now), _sequence++));

    public long Between(int fromMs, int toMs) => Milliseconds(fromMs) + _random.NextInt64(Milliseconds(toMs - fromMs) + 1);

    public bool Chance(double probability) => _random.NextDouble() < probability;

    public void Trace(string sentence)
    {
        if (_trace.Count == 100)
        {
            _trace.Dequeue();
        }

        _trace.Enqueue($"{Now / 1e9:0.000} {sentence}");
    }

    // The store.
    public StoreRevision Revision => new(_revision);

    public long EvictionNumber(NodeId node) => _evictions.TryGetValue(node, out var found) ? found.Record.Number : 0;

    /// <summary>A node that had lost its lease takes it again.</summary>
    public void TakeLife(NodeId node) => _lives[node] = (++_revision, Now);

    /// <summary>Null: the node was evicted, and what asks for the key is of the life before.</summary>
    public long? NextIncarnation(NodeId node, long obeyed)
    {
        if (Guards.KeysCompareEvictions && EvictionNumber(node) > obeyed)
        {
            return null;
        }

        _revision++;
        return _incarnations[node] = _incarnations.GetValueOrDefault(node) + 1;
    }

    public EvictionOutcome Evict(NodeId node, NodeId by, StoreRevision condemnedAt, long condemnedTime)
    {
        var last = _evictions.GetValueOrDefault(node);
        var found = new EvictionCase(
            node,
            Guards.VerdictNamesALife ? condemnedAt : Revision,
            last.Record,
            new StoreRevision(last.Revision),
            new StoreRevision(_lives.GetValueOrDefault(node).Revision),
            _incarnations.GetValueOrDefault(node));
        if (found.Decide(by, "it is silent") is not { } record)
        {
            return found.IsOutdated ? EvictionOutcome.Outdated : EvictionOutcome.NothingToEvict;
        }

        if (_lives.TryGetValue(node, out var life) && life.At > condemnedTime)
        {
            Break($"{by} evicts a life of {node} that began after the verdict");
        }

        _evictions[node] = (record, ++_revision);
        Evicted++;
        Trace($"{by} evicts {node} up to {record.Incarnation} (eviction {record.Number})");
        foreach (var other in Nodes)
        {
            other.Hears(record);
        }

        var recordedAt = Now;
        At(Now + Between(5, 400), () => Act(record, recordedAt));
        if (Chance(0.2))
        {
            // Told again, late: the node may be back by then.
            At(Now + Between(400, 6000), () => Act(record, recordedAt));
        }

        return EvictionOutcome.Recorded;
    }

    // The coordinator.
    public long? TryTakeLock(NodeId node, long incarnation)
    {
        if (Holder is not null || incarnation <= _acted.GetValueOrDefault(node))
        {
            return null;
        }

        Holder = (node, incarnation, ++_grant, Now);
        Trace($"{node} has the lock with {incarnation}");
        return _grant;
    }

    /// <summary>The same session under its next key: the old one is fenced first. False: the session has ended.</summary>
    public bool Resume(NodeId node, long grant, long incarnation)
    {
        if (Holder is not { } held || held.Grant != grant)
        {
            return false;
        }

        Holder = held with { Incarnation = incarnation };
        Trace($"{node} goes on with {incarnation}");
        return true;
    }

    // The LUN.
    public void Register(NodeId node, long incarnation) => _registered.Add((node, incarnation));

    /// <summary>A key fence without eviction: its path was lost.</summary>
    public void Preempt(NodeId node, long incarnation) => _registered.Remove((node, incarnation));

    public bool TryWrite(NodeId node, long incarnation, long grant)
    {
        if (!_registered.Contains((node, incarnation)))
        {
            return false;
        }

        var lands = Now + (Chance(0.1) ? Between(100, 900) : Between(1, 5));
        var key = (node, incarnation);
        _lastLanding[key] = Math.Max(lands, _lastLanding.GetValueOrDefault(key));
        At(lands, () =>
        {
            Landed++;
            if (Holder is { } other && other.Grant > grant)
            {
                Break($"a write of {node} under grant {grant} lands while {other.Node} has grant {other.Grant}");
            }
        });
        return true;
    }

    private void Act(EvictionRecord record, long recordedAt)
    {
        _acted[record.Node] = Math.Max(record.Incarnation, _acted.GetValueOrDefault(record.Node));
        var victims = _registered.Where(key => key.Node == record.Node && key.Incarnation <= record.Incarnation).ToArray();
        foreach (var victim in Guards.FencesBeforeRelease ? victims : [])
        {
            _registered.Remove(victim);
        }

        var drained = _lastLanding.Where(key => key.Key.Node == record.Node && key.Key.Incarnation <= record.Incarnation)
            .Select(key => key.Value).Append(Now).Max();
        At((Guards.FenceDrains ? drained : Now) + Between(1, 20), () => Release(record, recordedAt));
        if (!Guards.FencesBeforeRelease)
        {
            At(Now + Between(20, 400), () => _registered.ExceptWith(victims));
        }
    }

    private void Release(EvictionRecord record, long recordedAt)
    {
        if (Holder is not { } held || held.Node != record.Node)
        {
            return;
        }

        if (held.Incarnation <= record.Incarnation)
        {
            Trace($"the lock of {held.Node} is free");
            Holder = null;
        }
        else if (held.Since < recordedAt)
        {
            Break($"a lock that {held.Node} had before its eviction {record.Number} survives it");
        }
    }

    private void Break(string sentence)
    {
        Trace(sentence);
        Violation ??= sentence;
    }

    private void Fault()
    {
        var node = Nodes[_random.Next(NodeCount)];
        var until = Now + Between(300, 9000);
        switch (_random.Next(5))
        {
            case 0 or 1:
                Trace($"{node.Id} freezes");
                node.FrozenUntil = Math.Max(node.FrozenUntil, until);
                break;
            case 2:
                Trace($"{node.Id} is cut off");
                node.CutUntil = Math.Max(node.CutUntil, until);
                break;
            case 3:
                Trace($"{node.Id} loses its control plane");
                node.RestartControlPlane(until);
                break;
            default:
                node.LosePath();
                break;
        }
    }
}
