using Covol.Protocol.Ids;

namespace Covol.Protocol.Leases;

/// <summary>
/// Tells whether a file was changed since a moment, without remembering every change for ever: an answer that was under way while its
/// file changed may be of before the change, and must not be kept. Not for several threads at once.
/// </summary>
public sealed class ChangeStamps
{
    /// <summary>Beyond so many files the stamps are forgotten, and whatever is under way counts as changed.</summary>
    public const int FilesMax = 4096;

    private readonly Dictionary<FileId, long> _changed = [];
    private long _clock;
    private long _floor;

    /// <summary>The moment to ask about later.</summary>
    public long Now => _clock;

    public void Changed(FileId file)
    {
        if (_changed.Count >= FilesMax)
        {
            ChangedAll();
        }

        _changed[file] = ++_clock;
    }

    /// <summary>Whatever is under way counts as changed.</summary>
    public void ChangedAll()
    {
        _changed.Clear();
        _floor = ++_clock;
    }

    public bool IsUnchangedSince(FileId file, long moment) =>
        moment >= _floor && !(_changed.TryGetValue(file, out var at) && at > moment);
}
