using Covol.Coordinator.Metadata;
using Covol.Protocol.Files;
using Covol.Protocol.Volume;

namespace Covol.Coordinator;

/// <summary>Directories, a page an answer.</summary>
public sealed partial class VolumeCoordinator
{
    /// <summary>Bytes of names in one page of a directory; a message holds 64 KiB of fields.</summary>
    private const int PageBytesMax = 40_000;

    private const int PageEntriesMax = 500;

    private readonly DirectoryListings _listings = new();

    private async Task<VolumeReply> ListAsync(ListDirectory list) => await _metadata.ReadAsync(context =>
    {
        var names = _listings.NamesOf(context.Volume, list.Directory, isFirst: list.After is null);
        var index = list.After is null ? 0 : DirectoryListings.FirstAfter(names, list.After);
        var page = new List<DirectoryEntry>();
        var bytes = 0;
        for (; index < names.Count && page.Count < PageEntriesMax && bytes < PageBytesMax; index++)
        {
            var (name, file) = names[index];
            if (context.Volume.EntryOf(list.Directory, name, file) is { } entry)
            {
                page.Add(entry);
                bytes += 32 + (name.Length * 3);
            }
        }

        var isLast = index == names.Count;
        if (isLast)
        {
            _listings.Drop(list.Directory);
        }

        return new DirectoryPage(page, isLast, context.Volume.ParentOf(list.Directory));
    });
}
