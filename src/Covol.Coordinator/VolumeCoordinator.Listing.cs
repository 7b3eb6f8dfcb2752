using System.Text;
using Covol.Coordinator.Metadata;
using Covol.Coordinator.Sessions;
using Covol.Protocol.Files;
using Covol.Protocol.Volume;

namespace Covol.Coordinator;

/// <summary>Directories, a page an answer.</summary>
public sealed partial class VolumeCoordinator
{
    /// <summary>Bytes of one page of a directory as it travels; a message holds 65 KiB of fields.</summary>
    internal const int PageBytesMax = 60_000;

    private const int PageEntriesMax = 500;

    // What an entry takes beside its name, in the wire format's longest form.
    private const int EntryBytes = 40;
    private const int AttributesBytes = 110;

    private async Task<VolumeReply> ListAsync(Session session, ListDirectory list)
    {
        var since = _leases.Clock;
        var page = await _metadata.ReadAsync(context => PageOf(context, list));
        return list.WithAttributes ? page with { Entries = MayKeep(session, list, page, since) } : page;
    }

    private static DirectoryPage PageOf(MetadataContext context, ListDirectory list)
    {
        var (names, isLast) = context.Volume.NamesAfter(list.Directory, list.After, PageEntriesMax);
        var page = new List<DirectoryEntry>(names.Count);
        var bytes = 0;
        foreach (var (name, file) in names)
        {
            if (bytes >= PageBytesMax)
            {
                isLast = false;
                break;
            }

            if (context.Volume.EntryOf(list.Directory, name, file, list.WithAttributes) is { } entry)
            {
                page.Add(entry);
                bytes += BytesOf(entry, list.WithAttributes);
            }
        }

        return new DirectoryPage(page, isLast, context.Volume.ParentOf(list.Directory));
    }

    /// <summary>What an entry takes of a message, at most.</summary>
    internal static int BytesOf(DirectoryEntry entry, bool withAttributes) =>
        EntryBytes + Encoding.UTF8.GetByteCount(entry.Name) + (withAttributes ? AttributesBytes : 0);

    /// <summary>
    /// The same entries, with attributes only where the session may keep them and the name: it shows them later, and out of what it may
    /// not keep it can say nothing then.
    /// </summary>
    private List<DirectoryEntry> MayKeep(Session session, ListDirectory list, DirectoryPage page, long since)
    {
        var keepsNames = !InGrace && _leases.TryGrant(_thread.Now, session.Id, list.Directory, since);
        var entries = new List<DirectoryEntry>(page.Entries.Count);
        foreach (var entry in page.Entries)
        {
            entries.Add(keepsNames && entry.Attributes is { } found && Shown(found) is var shown && TryLease(session, shown, since)
                ? entry with { Attributes = shown }
                : entry with { Attributes = null });
        }

        return entries;
    }
}
