namespace Covol.Ntfs.Checking;

/// <summary>Gathers findings up to a limit: one damaged page may make a million, and the first ones say what happened.</summary>
internal sealed class FindingList
{
    private const int OfOneKindMax = 20;

    private readonly List<Finding> _told = [];
    private readonly Dictionary<FindingKind, int> _counts = [];

    public IReadOnlyList<Finding> Told => _told;

    public long Omitted { get; private set; }

    /// <summary>Objects that went away while an online check ran.</summary>
    public long Skipped { get; private set; }

    public void Tell(FindingKind kind, string where, string what)
    {
        var count = _counts[kind] = _counts.GetValueOrDefault(kind) + 1;
        if (count > OfOneKindMax || _told.Count >= VolumeChecker.FindingsMax)
        {
            Omitted++;
            return;
        }

        _told.Add(new Finding(kind, where, what));
    }

    public void Skip() => Skipped++;
}
