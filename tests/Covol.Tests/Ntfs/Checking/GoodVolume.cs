using Covol.Ntfs;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Tests.Ntfs.Support;

namespace Covol.Tests.Ntfs.Checking;

/// <summary>A sound volume that has one of everything a check looks at. Made once.</summary>
internal static class GoodVolume
{
    private static readonly NewInode s_file = new(FileKind.Regular, 0x1A4, 1000, 100);
    private static readonly NewInode s_directory = new(FileKind.Directory, 0x1ED, 0, 0);
    private static readonly Lazy<SnapshotDevice> s_made = new(Make);

    public static SnapshotDevice Copy()
    {
        lock (s_made)
        {
            return s_made.Value.Snapshot();
        }
    }

    /// <summary>Files that the tests name: plain, other, pieces (with an attribute list), folder of 300, link, twice, loops.</summary>
    private static SnapshotDevice Make()
    {
        var device = FormattedVolume.Small();
        using var volume = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default).Volume;
        var root = volume.Root;
        volume.Extend(volume.Create(root, "plain", s_file).File, ByteCount.FromMebibytes(1));
        volume.Extend(volume.Create(root, "other", s_file).File, ByteCount.FromMebibytes(1));
        var twice = volume.Create(root, "twice", s_file).File;
        volume.Link(twice, root, "second");
        volume.SetExtendedAttribute(twice, "user.note", "a value"u8, mustExist: false, mustNotExist: true);
        volume.Create(root, "link", s_file with { Kind = FileKind.SymbolicLink, Target = "plain" });
        volume.Create(root, "empty", s_directory);
        volume.Commit([]);
        var at = volume.Create(root, "loops", s_directory).File;
        for (var depth = 0; depth < 3; depth++)
        {
            at = volume.Create(at, "loop", s_directory).File;
        }

        var folder = volume.Create(root, "folder", s_directory).File;
        for (var index = 0; index < 300; index++)
        {
            volume.Create(folder, $"file{index:000}m", s_file);
            if (index % 50 == 0)
            {
                volume.Commit([]);
            }
        }

        // So many names do not fit its record: their attributes lie in others, and a list says where.
        var pieces = volume.Create(root, "pieces", s_file).File;
        for (var name = 0; name < 12; name++)
        {
            volume.Link(pieces, folder, $"pieces and more names than fit {name}");
        }

        volume.Commit([]);
        volume.Checkpoint([]);
        return device;
    }
}
