using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Volume;
using Covol.VolumeClient;

namespace Covol.Mount;

/// <summary>
/// One open of a directory: its names as far as they were read since the beginning, so that a position means the same from call to
/// call whatever others change. Pages come from the coordinator when they are needed, each from the last name on. One thread at a
/// time, whose <see cref="Turn"/> it is.
/// </summary>
internal sealed class OpenDirectory
{
    // NTFS has no limit of its own; a directory beyond this would take gigabytes here.
    private const int EntriesMax = 4_000_000;

    private readonly List<DirectoryEntry> _entries = [];
    private bool _isComplete;

    public OpenDirectory(FileId directory)
    {
        Directory = directory;
        Parent = directory.Reference;
    }

    public FileId Directory { get; }

    /// <summary>Known after the first page.</summary>
    public FileReference Parent { get; private set; }

    /// <summary>Not disposed of: nothing waits on a handle of it.</summary>
    public SemaphoreSlim Turn { get; } = new(1);

    public IReadOnlyList<DirectoryEntry> Entries => _entries;

    /// <summary>The next page begins anew, with what is there then.</summary>
    public void Rewind()
    {
        _entries.Clear();
        _isComplete = false;
    }

    /// <summary>
    /// Reads on until the entry of this number is there, or all are. With attributes the volume keeps them, as far as it may: an entry
    /// that is told later is looked up there then.
    /// </summary>
    public async Task LoadAsync(NodeVolume volume, ulong wanted, bool withAttributes)
    {
        while (!_isComplete && (ulong)_entries.Count <= wanted)
        {
            var after = _entries.Count == 0 ? null : _entries[^1].Name;
            var page = await volume.ListAsync(Directory, after, withAttributes).ConfigureAwait(false);
            if ((page.Entries.Count == 0 && !page.IsLast) || _entries.Count > EntriesMax)
            {
                throw new VolumeException(VolumeError.IoFailed, "The coordinator's listing of a directory does not end.");
            }

            _entries.AddRange(page.Entries);
            Parent = page.Parent.Value == 0 ? Directory.Reference : page.Parent;
            _isComplete = page.IsLast;
        }
    }
}
