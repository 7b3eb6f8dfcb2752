namespace Covol.Simulation.Worlds;

/// <summary>
/// A process of the world: everything that happens in it goes through here, so it can be frozen (what should happen waits) and killed (it
/// never happens).
/// </summary>
internal sealed class SimProcess
{
    private readonly World _world;
    private readonly Queue<Action> _held = new();
    private readonly List<Action> _endings = [];

    public SimProcess(World world, string name, int node)
    {
        _world = world;
        Name = name;
        Node = node;
        Clock = new SimClock(world, this, world.Random.Next(1, 1_000_000));
    }

    public string Name { get; }

    public int Node { get; }

    public SimClock Clock { get; }

    public bool IsDead { get; private set; }

    public bool IsFrozen { get; private set; }

    public void After(TimeSpan span, Action action) => _world.After(span, () => Deliver(action));

    /// <summary>Happens now, or when it thaws, or never.</summary>
    public void Deliver(Action action)
    {
        if (IsDead)
        {
            return;
        }

        if (IsFrozen || _held.Count > 0)
        {
            _held.Enqueue(action);
            return;
        }

        action();
    }

    public void Freeze()
    {
        if (!IsDead && !IsFrozen)
        {
            IsFrozen = true;
            _world.Trace(Name, "frozen");
        }
    }

    public void Thaw()
    {
        if (!IsFrozen)
        {
            return;
        }

        IsFrozen = false;
        _world.Trace(Name, "thawed");
        Drain();
    }

    /// <summary>What the world does when the process ends, such as closing its connections.</summary>
    public void WhenKilled(Action ending) => _endings.Add(ending);

    public void Kill(string reason)
    {
        if (IsDead)
        {
            return;
        }

        IsDead = true;
        _held.Clear();
        _world.Trace(Name, $"killed: {reason}");
        foreach (var ending in _endings)
        {
            ending();
        }
    }

    /// <summary>What was held happens one event at a time, before anything newer.</summary>
    private void Drain()
    {
        if (IsDead || IsFrozen || _held.Count == 0)
        {
            return;
        }

        _world.After(TimeSpan.FromMicroseconds(1), () =>
        {
            if (!IsDead && !IsFrozen && _held.TryDequeue(out var action))
            {
                action();
                Drain();
            }
        });
    }
}
