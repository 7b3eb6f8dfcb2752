using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Volume;
using Covol.VolumeClient;

namespace Covol.Mount;

/// <summary>
/// One open of a directory: its names as they were when it was first read, or read from the beginning again, so that positions
/// mean the same from call to call whatever others change.
/// </summary>
internal sealed class DirectorySnapshot
{
    // NTFS has no limit of its own; a directory beyond this would take gigabytes here.
    private const int EntriesMax = 4_000_000;

    private readonly Lock _gate = new();
    private Task<List<DirectoryEntry>>? _entries;

    public DirectorySnapshot(FileId directory) => Directory = directory;

    public FileId Directory { get; }

    public async Task<IReadOnlyList<DirectoryEntry>> EntriesAsync(NodeVolume volume, bool again)
    {
        Task<List<DirectoryEntry>> entries;
        lock (_gate)
        {
            if (_entries is null || again || _entries.IsFaulted)
            {
                _entries = LoadAsync(volume);
            }

            entries = _entries;
        }

        return await entries.ConfigureAwait(false);
    }

    private async Task<List<DirectoryEntry>> LoadAsync(NodeVolume volume)
    {
        var entries = new List<DirectoryEntry>();
        string? after = null;
        while (true)
        {
            var page = await volume.AskAsync<DirectoryPage>(new ListDirectory(Directory, after)).ConfigureAwait(false);
            entries.AddRange(page.Entries);
            if (page.IsLast)
            {
                return entries;
            }

            if (page.Entries.Count == 0 || entries.Count > EntriesMax)
            {
                throw new VolumeException(VolumeError.IoFailed, "The coordinator's listing of a directory does not end.");
            }

            after = page.Entries[^1].Name;
        }
    }
}
