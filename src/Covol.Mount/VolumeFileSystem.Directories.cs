using Covol.Fuse;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Volume;

namespace Covol.Mount;

/// <summary>
/// Listing. READDIRPLUS brings a page of names with their attributes from the coordinator, so that looking at each of them afterwards
/// asks nobody.
/// </summary>
internal sealed partial class VolumeFileSystem
{
    // Entries 0 and 1 of every directory.
    private const ulong OwnEntries = 2;

    private Task OpenDirectoryAsync(FuseRequest request)
    {
        var handle = (ulong)Interlocked.Increment(ref _lastDirectory);
        _directories[handle] = new OpenDirectory(_nodes.Resolve(request.Node));
        request.ReplyOpen(handle, FuseOpenFlags.None);
        return Task.CompletedTask;
    }

    private async Task ReadDirectoryAsync(FuseRequest request)
    {
        if (!_directories.TryGetValue(request.ReadDirectory.Handle, out var directory))
        {
            throw new VolumeException(VolumeError.NoSuchHandle, "The directory is not open here.");
        }

        await directory.Turn.WaitAsync().ConfigureAwait(false);
        try
        {
            var from = request.ReadDirectory.Offset;
            if (from == 0)
            {
                directory.Rewind();
            }

            var withAttributes = request.Opcode == FuseOpcode.ReadDirectoryPlus;
            await directory.LoadAsync(_volume, Math.Max(from, OwnEntries) - OwnEntries, withAttributes).ConfigureAwait(false);
            Fill(request, directory, from);
        }
        finally
        {
            directory.Turn.Release();
        }
    }

    private void Fill(FuseRequest request, OpenDirectory directory, ulong from)
    {
        var listing = request.BeginDirectory();
        for (var cookie = from; cookie < (ulong)directory.Names.Count + OwnEntries; cookie++)
        {
            var fits = cookie switch
            {
                0 => listing.TryAdd(".", _nodes.NodeOf(directory.Directory), FuseShapes.Mode(FileKind.Directory), 1),
                1 => listing.TryAdd(
                    "..", _nodes.NodeOf(new FileId(directory.Parent, 0)), FuseShapes.Mode(FileKind.Directory), OwnEntries),
                _ => Add(request, ref listing, directory, (int)(cookie - OwnEntries), cookie + 1),
            };
            if (!fits)
            {
                break;
            }
        }

        request.ReplyDirectory(listing);
    }

    /// <summary>
    /// An entry with attributes counts as a lookup, one without does not. Only what may be shown at this moment is told: what came with
    /// the page may have changed since.
    /// </summary>
    private bool Add(FuseRequest request, ref FuseDirectoryListing listing, OpenDirectory directory, int number, ulong next)
    {
        var (name, file, kind) = directory.Names[number];
        if (!listing.WithAttributes || !_volume.TryLookup(directory.Directory, name, out var seen))
        {
            return listing.TryAdd(name, _nodes.NodeOf(new FileId(file, 0)), FuseShapes.Mode(kind), next);
        }

        // The kernel takes the names in after it has the answer, so it could not be told to let go of them meanwhile: it looks a name up
        // once more before it uses it, which this node's own cache answers.
        if (!listing.TryAdd(name, EntryOf(seen, TimeSpan.Zero, thread: 0), next))
        {
            return false;
        }

        _nodes.LookedUp(seen.Attributes.File, request.ProcessId);
        return true;
    }

    private Task ReleaseDirectoryAsync(FuseRequest request)
    {
        _directories.TryRemove(request.Release.Handle, out _);
        request.ReplyOk();
        return Task.CompletedTask;
    }

    private bool IsOpenDirectory(ulong node) =>
        _directories.Values.Any(directory => _nodes.NodeOf(directory.Directory) == node);
}
