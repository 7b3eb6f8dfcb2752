using System.Buffers.Binary;
using System.Text;
using Covol.IntegrationTests.Support;
using Covol.Ntfs;
using Covol.Ntfs.Journal;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Shouldly;

namespace Covol.IntegrationTests.Ntfs;

/// <summary>
/// What ntfs-3g leaves on a volume as Windows, Interix or WSL would, and we never make: it is shown as what it is, stays what it is while we
/// change what is around it, and is never written where we do not know how.
/// </summary>
public sealed class ForeignFiles : IDisposable
{
    private const string ShortName = "system.ntfs_dos_name";
    private const string Extended = "system.ntfs_ea";
    private const string Attributes = "system.ntfs_attrib";

    private readonly string _folder = Directory.CreateTempSubdirectory("covol-foreign-").FullName;

    private string Image => Path.Combine(_folder, "volume.img");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [NeedsFact(Machine.Root, Machine.Fuse, "mkntfs", "ntfs-3g", "setfattr")]
    public void Short_names_stay_with_the_name_they_belong_to_and_go_with_it()
    {
        string[] names = ["a long name kept", "a long name renamed", "a long name deleted", "a long name linked", "a long name replaced"];
        Mounted(root =>
        {
            for (var index = 0; index < names.Length; index++)
            {
                File.WriteAllText($"{root}/{names[index]}", names[index]);
                LoopDevice.Run("setfattr", "-n", ShortName, "-v", $"ALONGN~{index + 1}", $"{root}/{names[index]}");
            }

            Directory.CreateDirectory($"{root}/folder with a long name");
            LoopDevice.Run("setfattr", "-n", ShortName, "-v", "FOLDER~1", $"{root}/folder with a long name");
            return true;
        });

        Served(volume =>
        {
            var folder = Find(volume, "folder with a long name");
            foreach (var name in names)
            {
                volume.GetAttributes(Find(volume, name)).LinkCount.ShouldBe(1);
            }

            // Found by the short one, as Windows does, and listed by the long one only.
            Find(volume, "ALONGN~1").ShouldBe(Find(volume, names[0]));
            volume.List(volume.Root).Select(entry => entry.Name).ShouldBe([.. names, "folder with a long name"], ignoreOrder: true);
            volume.SetAttributes(Find(volume, names[0]), new AttributeChange { Mode = 0x1A0 });
            volume.Rename(volume.Root, names[1], folder, "renamed", RenameMode.Replace).ShouldBeNull();
            volume.Commit([]);
            Purge(volume, volume.Unlink(volume.Root, names[2], isDirectory: false));
            volume.Link(Find(volume, names[3]), folder, "second name");
            volume.Create(volume.Root, "new", new NewInode(FileKind.Regular, 0x1A4, 0, 0));
            volume.Commit([]);
            Purge(volume, volume.Rename(volume.Root, "new", volume.Root, names[4], RenameMode.Replace));
            volume.Rename(volume.Root, "folder with a long name", volume.Root, "folder", RenameMode.NoReplace);
            volume.Commit([]);
        });

        Mounted(root =>
        {
            File.ReadAllText($"{root}/{names[0]}").ShouldBe(names[0]);
            Value($"{root}/{names[0]}", ShortName).ShouldBe("ALONGN~1");

            // Of a file with several names ntfs-3g does not tell the short one, and finds it by that all the same.
            File.ReadAllText($"{root}/ALONGN~4").ShouldBe(names[3]);
            Value($"{root}/folder/renamed", ShortName).ShouldBe("");
            Value($"{root}/folder", ShortName).ShouldBe("");
            File.ReadAllText($"{root}/folder/second name").ShouldBe(names[3]);
            foreach (var gone in (string[])["ALONGN~2", "ALONGN~3", "ALONGN~5", "FOLDER~1"])
            {
                File.Exists($"{root}/{gone}").ShouldBeFalse(gone);
            }

            return true;
        });
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "mkntfs", "ntfs-3g", "setfattr")]
    public void A_file_can_be_renamed_and_deleted_by_its_short_name()
    {
        Mounted(root =>
        {
            foreach (var (name, shortName) in (IEnumerable<(string, string)>)[("the first of two", "FIRST~1"), ("the second of two", "SECOND~1")])
            {
                File.WriteAllText($"{root}/{name}", name);
                LoopDevice.Run("setfattr", "-n", ShortName, "-v", shortName, $"{root}/{name}");
            }

            return true;
        });

        Served(volume =>
        {
            volume.Rename(volume.Root, "FIRST~1", volume.Root, "another", RenameMode.NoReplace).ShouldBeNull();
            volume.Commit([]);
            Purge(volume, volume.Unlink(volume.Root, "SECOND~1", isDirectory: false));
            volume.List(volume.Root).Select(entry => entry.Name).ShouldBe(["another"]);
        });

        Mounted(root =>
        {
            Directory.EnumerateFileSystemEntries(root).Select(Path.GetFileName).ShouldBe(["another"]);
            File.ReadAllText($"{root}/another").ShouldBe("the first of two");
            return true;
        });
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "mkntfs", "ntfs-3g", "setfattr")]
    public void Extended_attributes_of_Windows_keep_their_flags_and_the_bytes_of_their_names()
    {
        // The second name is in a code page: no UTF-8.
        byte[] entries = [.. Entry("KEEP.ME"u8, "123456789"u8, 0x80), .. Entry([0x84, 0x94, (byte)'R'], "abc"u8, 0)];
        Mounted(root =>
        {
            File.WriteAllText($"{root}/file", "content");
            LoopDevice.Run("setfattr", "-n", Extended, "-v", $"0x{Convert.ToHexString(entries)}", $"{root}/file");
            return true;
        });

        Served(volume =>
        {
            var file = Find(volume, "file");
            volume.GetExtendedAttribute(file, "KEEP.ME").ShouldBe("123456789"u8.ToArray());
            volume.SetAttributes(file, new AttributeChange { Mode = 0x1A0, Owner = 1000, Group = 1000 });
            volume.SetExtendedAttribute(file, "user.ours", "value"u8, mustExist: false, mustNotExist: true);
            volume.SetExtendedAttribute(file, "KEEP.ME", "12345678"u8, mustExist: true, mustNotExist: false);
            volume.RemoveExtendedAttribute(file, "user.ours");
            volume.Rename(volume.Root, "file", volume.Root, "renamed", RenameMode.NoReplace);
            volume.Commit([]);
        });

        entries = [.. Entry("KEEP.ME"u8, "12345678"u8, 0x80), .. Entry([0x84, 0x94, (byte)'R'], "abc"u8, 0)];
        Mounted(root => Convert.ToHexString(Bytes($"{root}/renamed", Extended)).ShouldStartWith(Convert.ToHexString(entries)));
    }

    [NeedsTheory(Machine.Root, Machine.Fuse, "mkntfs", "ntfs-3g", "mknod", "mkfifo")]
    [Xunit.InlineData("interix")]
    [Xunit.InlineData("wsl")]
    public void Links_and_devices_that_ntfs3g_makes_are_links_and_devices(string kind)
    {
        var options = $"streams_interface=windows,no_detach,special_files={kind}";
        Mounted(
            root =>
            {
                File.CreateSymbolicLink($"{root}/link", "where/to ünïcode");
                LoopDevice.Run("mknod", $"{root}/characters", "c", "5", "300");
                LoopDevice.Run("mknod", $"{root}/blocks", "b", "8", "17");
                LoopDevice.Run("mkfifo", $"{root}/pipe");
                return true;
            },
            options);

        Served(volume =>
        {
            volume.ReadLink(Find(volume, "link")).ShouldBe("where/to ünïcode");
            volume.GetAttributes(Find(volume, "link")).Size.Value.ShouldBe(Encoding.UTF8.GetByteCount("where/to ünïcode"));
            foreach (var _ in (bool[])[false, true])
            {
                volume.List(volume.Root).ToDictionary(entry => entry.Name, entry => entry.Kind).ShouldBe(
                    new Dictionary<string, FileKind>
                    {
                        ["link"] = FileKind.SymbolicLink,
                        ["characters"] = FileKind.CharacterDevice,
                        ["blocks"] = FileKind.BlockDevice,

                        // Interix' pipe is a system file without content, and so is many a file of Windows'.
                        ["pipe"] = kind == "wsl" ? FileKind.Fifo : FileKind.Regular,
                    },
                    ignoreOrder: true);
                volume.GetAttributes(Find(volume, "characters")).Device.ShouldBe(0x10_052Cu);
                volume.GetAttributes(Find(volume, "blocks")).Device.ShouldBe(0x811u);

                // The second time with owner and mode of ours beside it.
                foreach (var name in (string[])["link", "characters", "blocks", "pipe"])
                {
                    volume.SetAttributes(Find(volume, name), new AttributeChange { Mode = 0x1B6, Owner = 3 });
                }

                volume.Commit([]);
            }

            volume.Rename(volume.Root, "link", volume.Root, "renamed", RenameMode.NoReplace);
            volume.Commit([]);
        });

        Mounted(
            root =>
            {
                new FileInfo($"{root}/renamed").LinkTarget.ShouldBe("where/to ünïcode");
                LoopDevice.Run("stat", "--format=%F %t %T", $"{root}/characters").Trim().ShouldBe("character special file 5 12c");
                LoopDevice.Run("stat", "--format=%F %t %T", $"{root}/blocks").Trim().ShouldBe("block special file 8 11");
                return true;
            },
            options);
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "mkntfs", "ntfs-3g", "setfattr")]
    public void A_compressed_file_is_read_whole_and_neither_mapped_nor_written()
    {
        var text = MakeCompressed();

        Served(volume =>
        {
            var file = Find(volume, "packed/text");
            var map = volume.Map(file);
            map.IsCompressed.ShouldBeTrue();
            map.Extents.ShouldBeEmpty();
            volume.Read(file, 0, text.Length).ShouldBe(text);
            Should.Throw<VolumeException>(() => volume.Extend(file, ByteCount.FromMebibytes(4))).Error.ShouldBe(VolumeError.NotSupported);
            Should.Throw<VolumeException>(() => volume.SetValidLength(file, new ByteCount(1), new FileTime(132_000_000_000_000_000)))
                .Error.ShouldBe(VolumeError.NotSupported);
            volume.Rename(volume.Root, "other", volume.Root, "beside", RenameMode.NoReplace);
            volume.Commit([]);
        });

        Mounted(root => File.ReadAllBytes($"{root}/packed/text").ShouldBe(text));
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "mkntfs", "ntfs-3g", "setfattr")]
    public void Without_the_refusal_a_node_is_shown_what_was_compressed_and_a_write_damages_it()
    {
        var text = MakeCompressed();
        using var device = ImageDevice.Open(Image);
        NtfsAdopter.Adopt(device, NtfsAdoptionOptions.Default);
        using (var volume = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default, new JournalControls { RefuseEncodedData = false }).Volume)
        {
            var file = Find(volume, "packed/text");
            var map = volume.Map(file);
            var first = new byte[4096];
            device.Read(map.Extents[0].LunStart, first);
            first.ShouldNotBe(text[..4096]);

            // What a node does inside a map: it writes over the clusters it was given.
            device.Write(map.Extents[0].LunStart, new byte[4096]);
            volume.Commit([]);
        }

        using var again = NtfsVolume.Open(device, new Epoch(2), NtfsOptions.Default).Volume;
        var damaged = false;
        try
        {
            damaged = !again.Read(Find(again, "packed/text"), 0, text.Length).AsSpan().SequenceEqual(text);
        }
        catch (Exception failure) when (failure is NtfsEngineException or VolumeException)
        {
            damaged = true;
        }

        damaged.ShouldBeTrue();
    }

    /// <summary>A folder whose files are compressed, one file in it, and one beside it.</summary>
    private byte[] MakeCompressed()
    {
        var text = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, 60_000).Select(line => $"line {line / 7}\n")));
        Mounted(root =>
        {
            Directory.CreateDirectory($"{root}/packed");
            LoopDevice.Run("setfattr", "-n", Attributes, "-v", "0x00080000", $"{root}/packed");
            File.WriteAllBytes($"{root}/packed/text", text);
            File.WriteAllText($"{root}/other", "not compressed");
            return true;
        });
        return text;
    }

    /// <summary>Adopts the image, does something, checks it after that, releases it, and checks it as the plain volume it is.</summary>
    private void Served(Action<NtfsVolume> work)
    {
        using var device = ImageDevice.Open(Image);
        VolumeChecker.Check(device).ShouldBeEmpty();
        NtfsAdopter.Adopt(device, NtfsAdoptionOptions.Default);
        using (var volume = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default).Volume)
        {
            work(volume);
        }

        VolumeChecker.CheckAtRest(device).Findings.ShouldBeEmpty();
        NtfsReleaser.Release(device);
        VolumeChecker.Check(device).ShouldBeEmpty();
    }

    private T Mounted<T>(Func<string, T> work, string options = WindowsTree.Options)
    {
        if (!File.Exists(Image))
        {
            using (var file = new FileStream(Image, FileMode.CreateNew))
            {
                file.SetLength(128 << 20);
            }

            LoopDevice.Run("mkntfs", "-q", "-Q", "-F", Image);
        }

        return WindowsTree.Mounted(Image, _folder, work, options);
    }

    private void Mounted(Action<string> work) => Mounted(root =>
    {
        work(root);
        return true;
    });

    private static FileId Find(NtfsVolume volume, string path) => path.Split('/').Aggregate(
        volume.Root, (folder, name) => volume.Lookup(folder, name).ShouldNotBeNull(name).File);

    private static void Purge(NtfsVolume volume, FileId? orphan)
    {
        volume.Commit([]);
        volume.PurgeOrphanStep(orphan.ShouldNotBeNull()).ShouldBeTrue();
        volume.Commit([]);
    }

    /// <summary>FILE_FULL_EA_INFORMATION (MS-FSCC 2.4.15), as it lies on the disk.</summary>
    private static byte[] Entry(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, byte flags)
    {
        var entry = new byte[(8 + name.Length + 1 + value.Length + 3) & ~3];
        BinaryPrimitives.WriteInt32LittleEndian(entry, entry.Length);
        (entry[4], entry[5]) = (flags, (byte)name.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(entry.AsSpan(6), (ushort)value.Length);
        name.CopyTo(entry.AsSpan(8));
        value.CopyTo(entry.AsSpan(8 + name.Length + 1));
        return entry;
    }

    private static string Value(string path, string name) => Encoding.UTF8.GetString(Bytes(path, name)).TrimEnd('\0');

    private static byte[] Bytes(string path, string name) => Convert.FromHexString(WindowsTree.Value(path, name));
}
