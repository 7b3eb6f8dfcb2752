using Covol.Simulation.Worlds;

namespace Covol.Simulation.Checks;

/// <summary>
/// One attribute of one file that many change and look at: whoever looks sees the newest change that was answered before, or one that is
/// under way, and never again one that somebody has seen another one come after.
/// </summary>
internal sealed class AttributeRegister(World world)
{
    private readonly List<Change> _changes = [new Change(0, long.MinValue) { CertainAt = long.MinValue }];

    /// <summary>A change to this value begins.</summary>
    public long Begin()
    {
        _changes.Add(new Change(_changes.Count, world.Now));
        return _changes.Count - 1;
    }

    /// <summary>The change was answered: everybody sees it, or a later one.</summary>
    public void Done(long value) => _changes[(int)value].IsCertainBy(world.Now);

    /// <summary>A program that began to look at <paramref name="asked"/> saw this value just now.</summary>
    public void Seen(string program, long asked, long value)
    {
        if (value < 0 || value >= _changes.Count)
        {
            world.Break("I3", $"{program} saw the time {value}, which nobody ever set");
            return;
        }

        var seen = _changes[(int)value];
        seen.IsCertainBy(world.Now);
        if (_changes.Find(later => later.Began > seen.CertainAt && later.CertainAt < asked) is { } newer)
        {
            world.Break("I3", $"{program} saw the time {value}, but {newer.Value} came after it and had been seen or answered before");
        }
    }

    private sealed class Change(long value, long began)
    {
        public long Value => value;

        public long Began => began;

        /// <summary>It was made by then at the latest.</summary>
        public long CertainAt { get; set; } = long.MaxValue;

        public void IsCertainBy(long now) => CertainAt = Math.Min(CertainAt, now);
    }
}
