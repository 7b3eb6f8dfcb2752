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
    // NTFS has no limit of its own; a directory beyond this would take too much of the mount's memory.
    private const int EntriesMax = 4_000_000;

    private readonly ListedNames _names = new();
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

    public ListedNames Names => _names;

    /// <summary>The next page begins anew, with what is there then.</summary>
    public void Rewind()
    {
        _names.Clear();
        _isComplete = false;
    }

    /// <summary>
    /// Reads on until the entry of this number is there, or all are. With attributes the volume keeps them, as far as it may: an entry
    /// that is told later is looked up there then.
    /// </summary>
    public async Task LoadAsync(NodeVolume volume, ulong wanted, bool withAttributes)
    {
        while (!_isComplete && (ulong)_names.Count <= wanted)
        {
            var page = await volume.ListAsync(Directory, _names.LastName, withAttributes).ConfigureAwait(false);
            if ((page.Entries.Count == 0 && !page.IsLast) || _names.Count > EntriesMax)
            {
                throw new VolumeException(VolumeError.IoFailed, "The coordinator's listing of a directory does not end.");
            }

            _names.Add(page.Entries);
            Parent = page.Parent.Value == 0 ? Directory.Reference : page.Parent;
            _isComplete = page.IsLast;
        }
    }
}
