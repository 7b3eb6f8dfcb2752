using System.Text;
using Covol.Ntfs;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;

namespace Covol.Tests.Ntfs.Support;

/// <summary>All a volume shows, as text: two volumes with the same text hold the same tree.</summary>
internal static class VolumeTree
{
    public static string Of(NtfsVolume volume)
    {
        var text = new StringBuilder();
        Add(volume, volume.Root, "", text);
        foreach (var orphan in volume.Orphans().OrderBy(orphan => orphan.Reference.Value))
        {
            text.Append("orphan ").AppendLine(Line(volume, orphan));
        }

        return text.ToString();
    }

    private static void Add(NtfsVolume volume, FileId directory, string path, StringBuilder text)
    {
        foreach (var entry in volume.List(directory))
        {
            text.Append(path).Append('/').Append(entry.Name).Append(' ').AppendLine(Line(volume, entry.File));
            if (entry.Kind == FileKind.Directory)
            {
                Add(volume, entry.File, $"{path}/{entry.Name}", text);
            }
        }
    }

    private static string Line(NtfsVolume volume, FileId file)
    {
        var attributes = volume.GetAttributes(file);
        var line = $"{attributes.File} {attributes.Kind} {attributes.Mode} {attributes.Owner} {attributes.LinkCount} {attributes.Modified}";

        if (attributes.Kind != FileKind.Regular)
        {
            return attributes.Kind == FileKind.SymbolicLink ? $"{line} -> {volume.ReadLink(file)}" : line;
        }

        var map = volume.Map(file);
        return $"{line} {map.Size} valid {map.ValidLength} at {string.Join(' ', map.Extents)}";
    }
}
