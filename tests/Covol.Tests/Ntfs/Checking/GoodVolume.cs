using Covol.Ntfs;
using Covol.Ntfs.Format;
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

    /// <summary>Files that the tests name: plain, other, pieces (with an attribute list), folder of 300, link, twice, loops, holes, packed.</summary>
    private static SnapshotDevice Make()
    {
        var device = FormattedVolume.Small();
        using (var volume = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default).Volume)
        {
            Fill(volume);
        }

        SetObjectId(device, "other");

        // What lies in units of 16 clusters, each begun by four, could as well have been compressed.
        new DamagedVolume(device).Edit("packed", record =>
        {
            var data = DamagedVolume.At(record, DamagedVolume.Data);
            (record[data + 12], record[data + 34]) = (1, 4);
        });
        return device;
    }

    private static unsafe void SetObjectId(SnapshotDevice device, string name)
    {
        using var plain = new MountedVolume(new DirectDevice(device));
        using var root = plain.Open(5);
        using var inode = plain.Open(new FileReference(plain.Find(root, name)!.Value).Record);
        root.Close();
        var set = (delegate* unmanaged[Cdecl]<nint, byte*, nuint, int, int>)System.Runtime.InteropServices.NativeLibrary.GetExport(
            System.Runtime.InteropServices.NativeLibrary.Load("libntfs-3g.so.89"), "ntfs_set_ntfs_object_id");
        var id = stackalloc byte[16];
        new Guid("12345678-9abc-def0-1234-56789abcdef0").TryWriteBytes(new Span<byte>(id, 16));
        if (set(inode.Handle, id, 16, 0) != 0)
        {
            throw new InvalidOperationException("The library sets no object id.");
        }

        inode.Close();
    }

    private static void Fill(NtfsVolume volume)
    {
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

        foreach (var name in (string[])["holes", "packed"])
        {
            var file = volume.Create(root, name, s_file).File;
            volume.Allocate(file, new FileByteOffset(64 << 10), new FileByteOffset(80 << 10));
            volume.Allocate(file, new FileByteOffset(128 << 10), new FileByteOffset(144 << 10));
        }

        volume.Commit([]);
        volume.Checkpoint([]);
    }
}
