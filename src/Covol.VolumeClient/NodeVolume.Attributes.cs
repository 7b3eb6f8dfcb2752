using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Volume;

namespace Covol.VolumeClient;

/// <content>Attributes and names: shown without asking where the coordinator allows it.</content>
public sealed partial class NodeVolume
{
    private readonly LeaseClock _attributeLease;
    private readonly AttributeCache _attributes;
    private IAttributeWatcher? _watcher;
    private int _lettingGo;

    /// <summary>Whom to tell what must not be shown any more. Before anything is shown; once.</summary>
    public void Watch(IAttributeWatcher watcher) => Volatile.Write(ref _watcher, watcher);

    /// <summary>What a name leads to. Throws NotFound.</summary>
    public async ValueTask<Seen> LookupAsync(FileId directory, string name)
    {
        if (_attributes.TryGet(directory, name, out var seen))
        {
            return seen;
        }

        var since = _attributes.Now;
        var entry = await AskAsync<Entry>(new Lookup(directory, name)).ConfigureAwait(false);
        return Kept(_attributes.Keep(entry, since, (directory, name)));
    }

    /// <summary>As <see cref="LookupAsync"/>, where that needs to ask nobody.</summary>
    public bool TryLookup(FileId directory, string name, out Seen seen) => _attributes.TryGet(directory, name, out seen);

    /// <summary>As <see cref="LookAtAsync"/>, where that needs to ask nobody.</summary>
    public bool TryLookAt(FileId file, out Seen seen) => _attributes.TryGet(file, out seen);

    /// <summary>Whether the file is known to have no extended attributes; false: that has to be asked.</summary>
    public bool IsKnownPlain(FileId file) => _attributes.TryGet(file, out var seen) && seen.Attributes.IsPlain;

    /// <summary>
    /// Some of a directory's names (<see cref="ListDirectory"/>). With attributes, <see cref="TryLookup"/> finds what of the page may be
    /// kept, as long as it may be.
    /// </summary>
    public async ValueTask<DirectoryPage> ListAsync(FileId directory, string? after, bool withAttributes)
    {
        var since = _attributes.Now;
        var page = await AskAsync<DirectoryPage>(new ListDirectory(directory, after, withAttributes)).ConfigureAwait(false);
        LetGoWhere(isFull: _attributes.Keep(directory, page.Entries, since));
        return page;
    }

    /// <summary>Attributes as all nodes see them; this node's own direct writes are said first.</summary>
    public async ValueTask<Seen> LookAtAsync(FileId file)
    {
        if (_attributes.TryGet(file, out var seen))
        {
            return seen;
        }

        await NoteDirectWritesAsync(file, Urgency.Ordinary).ConfigureAwait(false);
        var since = _attributes.Now;
        var entry = await AskAsync<Entry>(new GetAttributes(file)).ConfigureAwait(false);
        return Kept(_attributes.Keep(entry, since));
    }

    /// <summary>As <see cref="LookAtAsync"/>, for who does not keep them.</summary>
    public async ValueTask<InodeAttributes> GetAttributesAsync(FileId file) => (await LookAtAsync(file).ConfigureAwait(false)).Attributes;

    /// <summary>Removes a name.</summary>
    public async ValueTask UnlinkAsync(FileId directory, string name, bool isDirectory)
    {
        var unlink = new Unlink(directory, name, isDirectory) { Known = _attributes.NameOf(directory, name) };
        await AskAsync<Done>(unlink).ConfigureAwait(false);
    }

    private Seen Kept((Seen Seen, bool IsFull) kept)
    {
        LetGoWhere(kept.IsFull);
        return kept.Seen;
    }

    private void LetGoWhere(bool isFull)
    {
        if (isFull && Interlocked.Exchange(ref _lettingGo, 1) == 0 && !_work.TryStart(LetGoOfAllAsync))
        {
            Volatile.Write(ref _lettingGo, 0);
        }
    }

    /// <summary>Begins anew with nothing, because so much is kept that the coordinator gives no more.</summary>
    private async Task LetGoOfAllAsync()
    {
        Outdated(_attributes.DropAll(suspend: true), names: true);
        try
        {
            await TellAsync(new ReturnAllAttributes(), default).ConfigureAwait(false);
        }
        finally
        {
            _attributes.Resume();
            Volatile.Write(ref _lettingGo, 0);
        }
    }

    /// <summary>On the connection's reading thread: before anything that is answered later.</summary>
    private void Recalled(RecallAttributes recall)
    {
        _attributes.Recalled(recall.Files);
        Outdated(recall.Files, names: true);
        _work.TryStart(() => TellAsync(new ReturnAttributes(recall.Recall), default).AsTask());
    }

    private void ForgetAttributes() => Outdated(_attributes.DropAll(), names: true);

    private void Outdated(IReadOnlyCollection<FileId> files, bool names)
    {
        if (names || files.Count > 0)
        {
            Volatile.Read(ref _watcher)?.Outdated(files, names);
        }
    }
}
