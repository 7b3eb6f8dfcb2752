using Covol.Protocol;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Leases;
using Covol.Protocol.Volume;

namespace Covol.VolumeClient;

/// <summary>
/// Attributes and names that this session may show without asking: granted by the coordinator, as long as its lease of them runs and it
/// does not recall them. Any thread.
/// </summary>
/// <remarks>
/// An answer may be overtaken by a recall, or by a change that this node itself asked for: whoever keeps one names the moment it was
/// asked for (<see cref="Now"/>), and nothing is kept of a file that was recalled or changed since.
/// </remarks>
internal sealed class AttributeCache
{
    private readonly LeaseClock _lease;
    private readonly int _filesMax;
    private readonly Lock _gate = new();
    private readonly Dictionary<FileId, Kept> _files = [];
    private readonly Dictionary<FileId, int> _changing = [];
    private readonly ChangeStamps _stamps = new();
    private int _names;
    private int _suspended;

    public AttributeCache(LeaseClock lease, int filesMax) => (_lease, _filesMax) = (lease, filesMax);

    /// <summary>To be read before something is asked for.</summary>
    public (long Change, long Life) Now
    {
        get
        {
            lock (_gate)
            {
                return (_stamps.Now, _lease.Life);
            }
        }
    }

    public bool TryGet(FileId file, out Seen seen)
    {
        lock (_gate)
        {
            var valid = _lease.Left;
            if (valid > TimeSpan.Zero && _files.TryGetValue(file, out var kept) && kept.Attributes is { } attributes
                && kept.Life == _lease.Life)
            {
                seen = new Seen(attributes, valid, TimeSpan.Zero);
                return true;
            }
        }

        seen = default;
        return false;
    }

    public bool TryGet(FileId directory, string name, out Seen seen)
    {
        lock (_gate)
        {
            if (NameOf(directory, name) is { } file && TryGet(file, out seen))
            {
                seen = seen with { NameValid = seen.Valid };
                return true;
            }
        }

        seen = default;
        return false;
    }

    /// <summary>What a name is known to lead to.</summary>
    public FileId? NameOf(FileId directory, string name)
    {
        lock (_gate)
        {
            return _lease.IsRunning && _files.TryGetValue(directory, out var kept) && kept.NamesLife == _lease.Life
                && kept.Names is { } names && names.TryGetValue(name, out var file)
                ? file
                : null;
        }
    }

    /// <summary>Keeps what of an answer may be kept, and says for how long. True in <c>IsFull</c>: the caller has to let go of all.</summary>
    public (Seen Seen, bool IsFull) Keep(Entry entry, (long Change, long Life) since, (FileId Directory, string Name)? lookup = null)
    {
        var attributes = entry.Attributes;
        lock (_gate)
        {
            var left = _lease.Left;
            if (left <= TimeSpan.Zero || since.Life != _lease.Life || _suspended > 0)
            {
                return (new Seen(attributes, TimeSpan.Zero, TimeSpan.Zero), false);
            }

            var keeps = entry.Leases.HasFlag(AttributeLeases.Attributes) && TryKeep(attributes, since);
            var keepsName = lookup is { } name && entry.Leases.HasFlag(AttributeLeases.Name)
                && TryKeep(name.Directory, name.Name, attributes.File, since);
            return (new Seen(attributes, keeps ? left : TimeSpan.Zero, keepsName ? left : TimeSpan.Zero), IsFull);
        }
    }

    /// <summary>Keeps names and attributes of a page of a directory. True: the caller has to let go of all.</summary>
    public bool Keep(FileId directory, IReadOnlyList<DirectoryEntry> entries, (long Change, long Life) since)
    {
        lock (_gate)
        {
            if (!_lease.IsRunning || since.Life != _lease.Life || _suspended > 0)
            {
                return false;
            }

            foreach (var entry in entries)
            {
                if (entry.Attributes is { } attributes)
                {
                    TryKeep(attributes, since);
                    TryKeep(directory, entry.Name, attributes.File, since);
                }
            }

            return IsFull;
        }
    }

    /// <summary>
    /// This node asks for a change: nothing of these files is kept until <see cref="EndChange"/>. Answers those of which something was.
    /// </summary>
    public IReadOnlyList<FileId> BeginChange(IReadOnlyList<FileId> files)
    {
        List<FileId>? kept = null;
        lock (_gate)
        {
            foreach (var file in files)
            {
                _changing[file] = _changing.GetValueOrDefault(file) + 1;
                if (Drop(file))
                {
                    (kept ??= []).Add(file);
                }
            }
        }

        return kept ?? (IReadOnlyList<FileId>)[];
    }

    public void EndChange(IReadOnlyList<FileId> files)
    {
        lock (_gate)
        {
            foreach (var file in files)
            {
                var left = _changing[file] - 1;
                Invariant.Holds(left >= 0, "A change of a file ended more often than it began.");
                if (left == 0)
                {
                    _changing.Remove(file);
                }
                else
                {
                    _changing[file] = left;
                }

                _stamps.Changed(file);
            }
        }
    }

    /// <summary>The coordinator recalled these.</summary>
    public void Recalled(IReadOnlyList<FileId> files)
    {
        lock (_gate)
        {
            foreach (var file in files)
            {
                Drop(file);
                _stamps.Changed(file);
            }
        }
    }

    /// <summary>Keeps nothing, and nothing of what is under way. Answers what it kept. While suspended it takes nothing new either.</summary>
    public IReadOnlyCollection<FileId> DropAll(bool suspend = false)
    {
        lock (_gate)
        {
            _suspended += suspend ? 1 : 0;
            _stamps.ChangedAll();
            FileId[] kept = [.. _files.Keys];
            _files.Clear();
            _names = 0;
            return kept;
        }
    }

    public void Resume()
    {
        lock (_gate)
        {
            Invariant.Holds(_suspended > 0, "A cache of attributes was resumed that was not suspended.");
            _suspended--;
            _stamps.ChangedAll();
        }
    }

    private bool IsFull => _files.Count + _names > _filesMax;

    private bool TryKeep(InodeAttributes attributes, (long Change, long Life) since)
    {
        if (!IsUnchanged(attributes.File, since.Change))
        {
            return false;
        }

        var kept = Of(attributes.File);
        (kept.Attributes, kept.Life) = (attributes, since.Life);
        return true;
    }

    private bool TryKeep(FileId directory, string name, FileId file, (long Change, long Life) since)
    {
        if (!IsUnchanged(directory, since.Change))
        {
            return false;
        }

        var kept = Of(directory);
        if (kept.NamesLife != since.Life && kept.Names is { } old)
        {
            _names -= old.Count;
            kept.Names = null;
        }

        kept.NamesLife = since.Life;
        kept.Names ??= new Dictionary<string, FileId>(StringComparer.Ordinal);
        _names += kept.Names.TryAdd(name, file) ? 1 : 0;
        kept.Names[name] = file;
        return true;
    }

    private bool IsUnchanged(FileId file, long since) => !_changing.ContainsKey(file) && _stamps.IsUnchangedSince(file, since);

    private Kept Of(FileId file)
    {
        if (!_files.TryGetValue(file, out var kept))
        {
            _files.Add(file, kept = new Kept());
        }

        return kept;
    }

    private bool Drop(FileId file)
    {
        if (!_files.Remove(file, out var kept))
        {
            return false;
        }

        _names -= kept.Names?.Count ?? 0;
        return true;
    }

    /// <summary>Of one file.</summary>
    private sealed class Kept
    {
        public InodeAttributes? Attributes { get; set; }

        /// <summary>The life of the lease that the attributes were kept in; they are worth nothing in another.</summary>
        public long Life { get; set; } = -1;

        public long NamesLife { get; set; } = -1;

        /// <summary>Of a directory: where its names lead, as far as they were looked up.</summary>
        public Dictionary<string, FileId>? Names { get; set; }
    }
}
