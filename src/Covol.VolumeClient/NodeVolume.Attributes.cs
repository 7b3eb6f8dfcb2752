using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Volume;

namespace Covol.VolumeClient;

/// <content>Attributes and names: shown without asking where the coordinator allows it.</content>
public sealed partial class NodeVolume
{
    /// <summary>NTFS: a longer name is refused, not absent.</summary>
    private const int NameLengthMax = 255;

    /// <summary>How a change ends that nobody waits for any more: nothing is known of what it left.</summary>
    private static readonly Refused s_givenUp = new(VolumeError.IoFailed, "It was given up.");

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

        if (name.Length <= NameLengthMax && _attributes.IsAbsent(directory, name))
        {
            throw new VolumeException(VolumeError.NotFound, $"There is no '{name}'.");
        }

        var since = _attributes.Now;
        var entry = await AskAsync<Entry>(new Lookup(directory, name)).ConfigureAwait(false);
        return Kept(_attributes.Keep(entry, since, (directory, name)));
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

    /// <summary>Makes something else than an open file.</summary>
    public async ValueTask<Seen> MakeAsync(FileId directory, string name, NewInode inode) =>
        (await ChangeAsync<Entry>(new Create(directory, name, inode, null, OpenExisting: false, Truncate: false)).ConfigureAwait(false)).Seen;

    /// <summary>Removes a name.</summary>
    public async ValueTask UnlinkAsync(FileId directory, string name, bool isDirectory)
    {
        var unlink = new Unlink(directory, name, isDirectory) { Known = _attributes.NameOf(directory, name) };
        await AskAsync<Done>(unlink).ConfigureAwait(false);
    }

    /// <summary>Asks for what changes attributes or names, exactly once; keeps of the answer what the coordinator allows.</summary>
    private async ValueTask<(TReply Reply, Seen Seen)> ChangeAsync<TReply>(VolumeRequest request, OpenFile? handle = null)
        where TReply : VolumeReply
    {
        // A change that is given up may be made later: nothing of its files is kept until it is known to be over.
        var files = request.Changes;
        (FileId Directory, string Name, FileId? File)[] added = request switch
        {
            Create create => [(create.Directory, create.Name, null)],
            Link link => [(link.Directory, link.Name, null)],
            Rename { Mode: RenameMode.Exchange } rename => [Moved(rename), Replaced(rename)],
            Rename rename => [Moved(rename)],
            _ => [],
        };
        var (outdated, change) = request switch
        {
            Create create => _attributes.BeginChange(files, (create.Directory, create.Name)),
            Link link => _attributes.BeginChange(files, (link.Directory, link.Name)),
            Unlink unlink => _attributes.BeginChange(files, (unlink.Directory, unlink.Name)),
            Rename rename => _attributes.BeginChange(
                files, (rename.FromDirectory, rename.FromName), (rename.ToDirectory, rename.ToName)),
            _ => _attributes.BeginChange(files),
        };
        Outdated(outdated, names: false);
        var sent = await _keeper.SendAsync(
            request, default, default, Urgency.Ordinary, () => _attributes.EndChange(change, s_givenUp), handle).ConfigureAwait(false);
        var seen = Kept(_attributes.EndChange(change, sent.Reply, added));
        if (request is Rename)
        {
            // The kernel shows what it moved under its new name for as long as it was allowed to show the old one.
            Outdated([], names: true);
        }

        return (Expect<TReply>(sent.Reply), seen);
    }

    // Known before the change begins: the kernel holds both directories from before it asks until it is answered.
    private (FileId Directory, string Name, FileId? File) Moved(Rename rename) =>
        (rename.ToDirectory, rename.ToName, _attributes.NameOf(rename.FromDirectory, rename.FromName));

    private (FileId Directory, string Name, FileId? File) Replaced(Rename rename) =>
        (rename.FromDirectory, rename.FromName, _attributes.NameOf(rename.ToDirectory, rename.ToName));

    private Seen Kept((Seen Seen, bool IsFull) kept)
    {
        if (kept.IsFull && Interlocked.Exchange(ref _lettingGo, 1) == 0 && !_work.TryStart(LetGoOfAllAsync))
        {
            Volatile.Write(ref _lettingGo, 0);
        }

        return kept.Seen;
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
