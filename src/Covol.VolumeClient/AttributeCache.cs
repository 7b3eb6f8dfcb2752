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

    /// <summary>
    /// All names of the directory are known, and this is none of them: it was empty when this session made it, and nobody else has changed
    /// it since.
    /// </summary>
    public bool IsAbsent(FileId directory, string name)
    {
        lock (_gate)
        {
            return _lease.IsRunning && _files.TryGetValue(directory, out var kept) && kept.NamesLife == _lease.Life
                && kept is { IsComplete: true, Names: { } names } && !names.ContainsKey(name);
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

            TimeSpan valid = TimeSpan.Zero, nameValid = TimeSpan.Zero;
            if (entry.Leases.HasFlag(AttributeLeases.Attributes) && IsUnchanged(attributes.File, since.Change))
            {
                var kept = Of(attributes.File);
                (kept.Attributes, kept.Life) = (attributes, since.Life);
                valid = left;
            }

            if (lookup is { } name && entry.Leases.HasFlag(AttributeLeases.Name) && IsUnchanged(name.Directory, since.Change))
            {
                KeepName(name.Directory, name.Name, attributes.File, since.Life);
                nameValid = left;
            }

            return (new Seen(attributes, valid, nameValid), _files.Count + _names > _filesMax);
        }
    }

    /// <summary>
    /// This node asks for a change: nothing of these files is kept until <see cref="EndChange"/>, except names of directories that the
    /// change does not name. Answers those of whose attributes something was kept, and what to end the change with.
    /// </summary>
    public (IReadOnlyList<FileId> Outdated, NodeChange Change) BeginChange(
        IReadOnlyList<FileId> files, params ReadOnlySpan<(FileId Directory, string Name)> names)
    {
        List<FileId>? outdated = null, complete = null;
        lock (_gate)
        {
            foreach (var file in files)
            {
                _changing[file] = _changing.GetValueOrDefault(file) + 1;
                if (_files.TryGetValue(file, out var directory) && directory.IsComplete)
                {
                    // Not before it is known what the change left.
                    directory.IsComplete = false;
                    (complete ??= []).Add(file);
                }

                if (DropAttributes(file))
                {
                    (outdated ??= []).Add(file);
                }
            }

            foreach (var (directory, name) in names)
            {
                if (_files.TryGetValue(directory, out var kept) && kept.Names is { } known && known.Remove(name))
                {
                    _names--;
                }
            }

            return (outdated ?? (IReadOnlyList<FileId>)[], new NodeChange(files, _stamps.Now, _lease.Life, complete));
        }
    }

    /// <summary>
    /// The change was answered. What the answer says of the files it changed is kept where the coordinator allows it, unless another
    /// change, or a recall, came between: the answers of two changes may come in any order.
    /// </summary>
    /// <param name="change">What <see cref="BeginChange"/> answered.</param>
    /// <param name="reply">The answer.</param>
    /// <param name="added">
    /// The names that were made or lead elsewhere now, and where to; null: to the file whose attributes are the answer, or it is not known.
    /// </param>
    public (Seen Seen, bool IsFull) EndChange(
        NodeChange change, VolumeReply reply, params ReadOnlySpan<(FileId Directory, string Name, FileId? File)> added)
    {
        lock (_gate)
        {
            var since = (change.Moment, change.Life);
            var unchanged = change.Files.Where(file => _changing[file] == 1 && _stamps.IsUnchangedSince(file, change.Moment)).ToList();
            foreach (var file in change.Files)
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
            }

            var result = (Seen: default(Seen), IsFull: false);
            if (reply is Entry entry)
            {
                // What is not the change's is new, or was not changed by it.
                var isOwn = change.Files.Contains(entry.Attributes.File);
                var leases = !isOwn || unchanged.Contains(entry.Attributes.File) ? entry.Leases : entry.Leases & ~AttributeLeases.Attributes;
                result = Keep(
                    entry with { Leases = leases },
                    since,
                    added is [{ File: null } name] && unchanged.Contains(name.Directory) ? (name.Directory, name.Name) : null);
                if (added is [{ File: null }] && entry.Attributes.Kind == FileKind.Directory && result.Seen.Valid > TimeSpan.Zero)
                {
                    // Just made, and kept since: it is empty.
                    var made = Of(entry.Attributes.File);
                    (made.Names, made.NamesLife, made.IsComplete) = (new(StringComparer.Ordinal), change.Life, true);
                }
            }

            foreach (var attributes in reply.Changed)
            {
                if (unchanged.Contains(attributes.File)
                    && Keep(new Entry(attributes) { Leases = AttributeLeases.Attributes }, since) is { Seen.Valid: var valid } kept
                    && valid > TimeSpan.Zero)
                {
                    result.IsFull |= kept.IsFull;
                    Complete(change, attributes.File, added);
                }
            }

            // Last: what was asked for before now may be of before the change.
            foreach (var file in change.Files)
            {
                _stamps.Changed(file);
            }

            return result;
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

    /// <summary>A directory of which all names were known before a change, which is over and was the only one: they are known again.</summary>
    private void Complete(NodeChange change, FileId directory, ReadOnlySpan<(FileId Directory, string Name, FileId? File)> added)
    {
        if (!change.Complete.Contains(directory) || !_files.TryGetValue(directory, out var kept) || kept.NamesLife != change.Life)
        {
            return;
        }

        var isComplete = true;
        foreach (var made in added)
        {
            if (made.Directory == directory)
            {
                if (made.File is { } file)
                {
                    KeepName(directory, made.Name, file, change.Life);
                }

                isComplete &= kept.Names is { } names && names.ContainsKey(made.Name);
            }
        }

        kept.IsComplete = isComplete;
    }

    private void KeepName(FileId directory, string name, FileId file, long life)
    {
        var kept = Of(directory);
        if (kept.NamesLife != life)
        {
            (kept.Names, kept.IsComplete) = (null, false);
        }

        kept.NamesLife = life;
        kept.Names ??= new Dictionary<string, FileId>(StringComparer.Ordinal);
        _names += kept.Names.TryAdd(name, file) ? 1 : 0;
        kept.Names[name] = file;
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

    private bool DropAttributes(FileId file)
    {
        if (!_files.TryGetValue(file, out var kept) || kept.Attributes is null)
        {
            return false;
        }

        kept.Attributes = null;
        if (kept.Names is null)
        {
            _files.Remove(file);
        }

        return true;
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

        /// <summary>There are no other names.</summary>
        public bool IsComplete { get; set; }
    }
}
