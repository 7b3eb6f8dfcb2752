using System.Text;
using Covol.Ntfs;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;

namespace Covol.Tests.Ntfs.Support;

/// <summary>All a volume shows: two volumes with the same text hold the same tree.</summary>
internal sealed class VolumeTree
{
    private readonly StringBuilder _text = new();
    private readonly Dictionary<FileId, FileMap> _maps = [];

    private VolumeTree()
    {
    }

    /// <summary>The maps of all regular files, those without a name too.</summary>
    public IReadOnlyDictionary<FileId, FileMap> Maps => _maps;

    public static VolumeTree Of(NtfsVolume volume)
    {
        var tree = new VolumeTree();
        tree.Add(volume, volume.Root, "");
        foreach (var orphan in volume.Orphans().OrderBy(orphan => orphan.Reference.Value))
        {
            tree._text.Append("orphan ").AppendLine(tree.Line(volume, orphan));
        }

        return tree;
    }

    public override string ToString() => _text.ToString();

    private void Add(NtfsVolume volume, FileId directory, string path)
    {
        foreach (var entry in volume.List(directory))
        {
            _text.Append(path).Append('/').Append(entry.Name).Append(' ').AppendLine(Line(volume, entry.File));
            if (entry.Kind == FileKind.Directory)
            {
                Add(volume, entry.File, $"{path}/{entry.Name}");
            }
        }
    }

    private string Line(NtfsVolume volume, FileId file)
    {
        var attributes = volume.GetAttributes(file);
        var extended = string.Join(
            ' ',
            volume.ListExtendedAttributes(file).Select(name => $"{name}={Convert.ToHexString(volume.GetExtendedAttribute(file, name)!)}"));
        var line = $"{attributes.File} {attributes.Kind} {attributes.Mode} {attributes.Owner} {attributes.LinkCount} "
            + $"{attributes.Modified} {extended}";
        if (attributes.Kind != FileKind.Regular)
        {
            return attributes.Kind == FileKind.SymbolicLink ? $"{line} -> {volume.ReadLink(file)}" : line;
        }

        var map = _maps[file] = volume.Map(file);
        return $"{line} {map.Size} valid {map.ValidLength} at {string.Join(' ', map.Extents)}";
    }
}
