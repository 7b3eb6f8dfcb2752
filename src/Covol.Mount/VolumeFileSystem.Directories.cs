using Covol.Fuse;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Volume;

namespace Covol.Mount;

/// <summary>
/// Listing. READDIRPLUS is not taken up: what it told would be out of date at once, as long as the kernel may keep no attributes, and
/// every look at a file would be asked for again.
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

            await directory.LoadAsync(_volume, Math.Max(from, OwnEntries) - OwnEntries).ConfigureAwait(false);
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
        for (var cookie = from; cookie < (ulong)directory.Entries.Count + OwnEntries; cookie++)
        {
            var fits = cookie switch
            {
                0 => listing.TryAdd(".", _nodes.NodeOf(directory.Directory), FuseShapes.Mode(FileKind.Directory), 1),
                1 => listing.TryAdd(
                    "..", _nodes.NodeOf(new FileId(directory.Parent, 0)), FuseShapes.Mode(FileKind.Directory), OwnEntries),
                _ => Add(ref listing, directory.Entries[(int)(cookie - OwnEntries)], cookie + 1),
            };
            if (!fits)
            {
                break;
            }
        }

        request.ReplyDirectory(listing);
    }

    private bool Add(ref FuseDirectoryListing listing, DirectoryEntry entry, ulong next) =>
        listing.TryAdd(entry.Name, _nodes.NodeOf(entry.File), FuseShapes.Mode(entry.Kind), next);

    private Task ReleaseDirectoryAsync(FuseRequest request)
    {
        _directories.TryRemove(request.Release.Handle, out _);
        request.ReplyOk();
        return Task.CompletedTask;
    }

    private bool IsOpenDirectory(ulong node) =>
        _directories.Values.Any(directory => _nodes.NodeOf(directory.Directory) == node);
}
