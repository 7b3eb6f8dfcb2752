using Covol.Ntfs;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Tests.Ntfs.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Ntfs;

/// <summary>What programs ask of a file system, over memory; each test ends with a check of the volume.</summary>
public sealed class VolumeOperations : IDisposable
{
    private static readonly NewInode s_file = new(FileKind.Regular, 0x1A4, 1000, 100);
    private static readonly NewInode s_directory = new(FileKind.Directory, 0x1ED, 0, 0);

    private readonly SnapshotDevice _device = FormattedVolume.Small();
    private readonly NtfsVolume _volume;

    public VolumeOperations() => _volume = NtfsVolume.Open(_device, new Epoch(1), NtfsOptions.Default).Volume;

    private FileId Root => _volume.Root;

    public void Dispose()
    {
        _volume.Commit([]);
        _volume.Dispose();
        VolumeChecker.Check(_device).ShouldBeEmpty();
    }

    [Fact]
    public void A_rename_moves_a_file_and_keeps_what_it_is()
    {
        var folder = _volume.Create(Root, "folder", s_directory).File;
        var file = _volume.Create(Root, "old", s_file).File;

        _volume.Rename(Root, "old", folder, "new", RenameMode.NoReplace).ShouldBeNull();

        _volume.Lookup(Root, "old").ShouldBeNull();
        var found = _volume.Lookup(folder, "new").ShouldNotBeNull();
        (found.File, found.LinkCount).ShouldBe((file, 1));
    }

    [Fact]
    public void A_rename_over_a_file_orphans_it()
    {
        var replaced = _volume.Create(Root, "b", s_file).File;
        var file = _volume.Create(Root, "a", s_file).File;

        Refused(() => _volume.Rename(Root, "a", Root, "b", RenameMode.NoReplace)).ShouldBe(VolumeError.Exists);
        _volume.Rename(Root, "a", Root, "b", RenameMode.Replace).ShouldBe(replaced);

        _volume.List(Root).ShouldBe([new DirectoryEntry("b", file, FileKind.Regular)]);
        _volume.GetAttributes(replaced).LinkCount.ShouldBe(0);
    }

    [Fact]
    public void An_exchange_swaps_two_names()
    {
        var folder = _volume.Create(Root, "folder", s_directory).File;
        var inner = _volume.Create(folder, "inner", s_file).File;
        var file = _volume.Create(Root, "file", s_file).File;

        _volume.Rename(Root, "folder", Root, "file", RenameMode.Exchange).ShouldBeNull();

        _volume.Lookup(Root, "file")!.File.ShouldBe(folder);
        _volume.Lookup(Root, "folder")!.File.ShouldBe(file);
        _volume.Lookup(folder, "inner")!.File.ShouldBe(inner);
    }

    [Fact]
    public void A_directory_cannot_be_moved_below_itself()
    {
        var a = _volume.Create(Root, "a", s_directory).File;
        var b = _volume.Create(a, "b", s_directory).File;
        _volume.Create(b, "c", s_directory);

        Refused(() => _volume.Rename(Root, "a", b, "x", RenameMode.Replace)).ShouldBe(VolumeError.InvalidArgument);
        Refused(() => _volume.Rename(Root, "a", a, "x", RenameMode.Replace)).ShouldBe(VolumeError.InvalidArgument);
        Refused(() => _volume.Rename(Root, "a", b, "c", RenameMode.Exchange)).ShouldBe(VolumeError.InvalidArgument);
    }

    [Fact]
    public void Names_of_one_file_are_counted()
    {
        var file = _volume.Create(Root, "one", s_file).File;

        _volume.Link(file, Root, "two").LinkCount.ShouldBe(2);
        Refused(() => _volume.Link(file, Root, "two")).ShouldBe(VolumeError.Exists);
        _volume.Unlink(Root, "one", false).ShouldBeNull();

        _volume.GetAttributes(file).LinkCount.ShouldBe(1);
        Refused(() => _volume.Link(Root, Root, "root")).ShouldBe(VolumeError.NotPermitted);
    }

    [Fact]
    public void An_unlinked_file_keeps_its_data_and_gets_no_name_again()
    {
        var file = _volume.Create(Root, "open", s_file).File;
        var map = _volume.Extend(file, ByteCount.FromMebibytes(1));

        _volume.Unlink(Root, "open", false).ShouldBe(file);

        _volume.Map(file).Extents.ShouldBe(map.Extents);
        Refused(() => _volume.Link(file, Root, "again")).ShouldBe(VolumeError.NotFound);
        _volume.PurgeOrphanStep(file).ShouldBeTrue();
    }

    [Fact]
    public void Nothing_can_be_put_into_a_removed_directory()
    {
        var folder = _volume.Create(Root, "folder", s_directory).File;
        _volume.Unlink(Root, "folder", true);

        Refused(() => _volume.Create(folder, "late", s_file)).ShouldBe(VolumeError.NotFound);
    }

    [Theory]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("")]
    [InlineData("a/b")]
    [InlineData("a\0b")]
    [InlineData("$MFT")]
    [InlineData("$extend")]
    [InlineData("$CovolJournal")]
    [InlineData("$CovolOrphans")]
    public void Names_that_cannot_be_are_refused(string name) =>
        Refused(() => _volume.Create(Root, name, s_file)).ShouldBe(VolumeError.InvalidName);

    [Fact]
    public void Half_a_character_is_no_name_and_256_units_are_too_long()
    {
        Refused(() => _volume.Create(Root, "bad\uD800", s_file)).ShouldBe(VolumeError.InvalidName);
        Refused(() => _volume.Create(Root, new string('x', 256), s_file)).ShouldBe(VolumeError.NameTooLong);
        _volume.Create(Root, new string('ä', 255), s_file).LinkCount.ShouldBe(1);
        _volume.Create(Root, "con", s_file).LinkCount.ShouldBe(1);
        _volume.Create(Root, "Con", s_file).LinkCount.ShouldBe(1);
    }

    [Fact]
    public void The_file_systems_own_files_are_out_of_reach()
    {
        _volume.List(Root).ShouldBeEmpty();
        _volume.Lookup(Root, "$CovolJournal").ShouldBeNull();
        _volume.Lookup(Root, "$MFT").ShouldBeNull();
        Refused(() => _volume.GetAttributes(new FileId(new FileReference(0, 1), 0))).ShouldBe(VolumeError.Stale);
        Refused(() => _volume.GetAttributes(Root with { Birth = Root.Birth + 1 })).ShouldBe(VolumeError.Stale);
    }

    [Fact]
    public void Links_devices_pipes_and_sockets_are_what_they_were_made()
    {
        var link = _volume.Create(Root, "link", new NewInode(FileKind.SymbolicLink, 0x1FF, 1, 2, Target: "/über/all")).File;
        _volume.ReadLink(link).ShouldBe("/über/all");
        _volume.GetAttributes(link).Size.Value.ShouldBe(10);
        foreach (var kind in new[] { FileKind.Fifo, FileKind.Socket, FileKind.CharacterDevice, FileKind.BlockDevice })
        {
            _volume.Create(Root, $"{kind}", new NewInode(kind, 0x1B6, 0, 0, Device: 0x0080_0102)).Kind.ShouldBe(kind);
        }

        _volume.Lookup(Root, "BlockDevice")!.Device.ShouldBe(0x0080_0102u);
        _volume.List(Root).Select(entry => entry.Kind).ShouldBe(
            [FileKind.BlockDevice, FileKind.CharacterDevice, FileKind.Fifo, FileKind.Socket, FileKind.SymbolicLink]);
        _volume.Unlink(Root, "link", false).ShouldBe(link);
        _volume.PurgeOrphanStep(link).ShouldBeTrue();
    }

    [Fact]
    public void Owner_mode_and_times_are_set_and_read_back()
    {
        var file = _volume.Create(Root, "a", s_file).File;
        var time = FileTime.FromUnix(1_700_000_000, 123_456_700);

        var changed = _volume.SetAttributes(
            file, new AttributeChange { Mode = 0x9C0, Owner = 7, Group = 8, Accessed = time, Modified = time, Changed = time });

        (changed.Mode, changed.Owner, changed.Group, changed.Kind).ShouldBe((0x9C0, 7u, 8u, FileKind.Regular));
        (changed.Accessed, changed.Modified, changed.Changed).ShouldBe((time, time, time));
        _volume.SetAttributes(file, new AttributeChange { Mode = 0x1FF }).Modified.ShouldBe(time);
        _volume.GetAttributes(file).Changed.ShouldNotBe(time);
    }

    [Fact]
    public void Extended_attributes_are_kept_beside_our_own()
    {
        var file = _volume.Create(Root, "a", s_file).File;

        _volume.SetExtendedAttribute(file, "user.b", "two"u8, false, true);
        _volume.SetExtendedAttribute(file, "user.a", new byte[2000], false, false);

        _volume.ListExtendedAttributes(file).ShouldBe(["user.a", "user.b"]);
        _volume.GetExtendedAttribute(file, "user.b").ShouldBe("two"u8.ToArray());
        _volume.GetExtendedAttribute(file, "$LXUID").ShouldBeNull();
        Refused(() => _volume.SetExtendedAttribute(file, "user.b", [], false, true)).ShouldBe(VolumeError.Exists);
        Refused(() => _volume.SetExtendedAttribute(file, "user.c", [], true, false)).ShouldBe(VolumeError.NoSuchAttribute);
        Refused(() => _volume.SetExtendedAttribute(file, "user.big", new byte[65_537], false, false)).ShouldBe(VolumeError.NoSpace);
        _volume.RemoveExtendedAttribute(file, "user.a");
        _volume.ListExtendedAttributes(file).ShouldBe(["user.b"]);
        _volume.GetAttributes(file).Owner.ShouldBe(1000u);
    }

    [Theory]
    [InlineData(FileKind.Regular)]
    [InlineData(FileKind.Directory)]
    [InlineData(FileKind.SymbolicLink)]
    public void Large_extended_attributes_are_kept_beside_small_ones_and_go_with_their_file(FileKind kind)
    {
        var free = _volume.GetSpace().Free;
        var file = _volume.Create(Root, "a", s_file with { Kind = kind, Target = kind == FileKind.SymbolicLink ? "there" : null }).File;
        byte[] Filled(byte with, int length) => [.. Enumerable.Repeat(with, length)];

        foreach (var (name, length) in new[] { ("user.a", 65_536), ("user.b", 4_096), ("user.c", 4_097), ("trusted.a", 65_536) })
        {
            _volume.SetExtendedAttribute(file, name, Filled(1, 10_000), false, true);
            _volume.SetExtendedAttribute(file, name, Filled((byte)length, length), true, false);
        }

        Refused(() => _volume.SetExtendedAttribute(file, "user.a", [], false, true)).ShouldBe(VolumeError.Exists);
        _volume.ListExtendedAttributes(file).ShouldBe(["trusted.a", "user.a", "user.b", "user.c"]);
        _volume.GetExtendedAttribute(file, "user.a").ShouldBe(Filled(0, 65_536));
        _volume.GetExtendedAttribute(file, "user.c").ShouldBe(Filled(1, 4_097));
        _volume.SetExtendedAttribute(file, "user.a", "small"u8, true, false);
        _volume.GetExtendedAttribute(file, "user.a").ShouldBe("small"u8.ToArray());
        _volume.RemoveExtendedAttribute(file, "user.c");
        Refused(() => _volume.RemoveExtendedAttribute(file, "user.c")).ShouldBe(VolumeError.NoSuchAttribute);
        _volume.ListExtendedAttributes(file).ShouldBe(["trusted.a", "user.a", "user.b"]);
        _volume.GetAttributes(file).Size.Value.ShouldBe(kind switch { FileKind.Directory => 4_096, FileKind.SymbolicLink => 5, _ => 0 });
        _volume.PurgeOrphanStep(_volume.Unlink(Root, "a", kind == FileKind.Directory)!.Value).ShouldBeTrue();
        (free.Value - _volume.GetSpace().Free.Value).ShouldBeLessThan(64 << 10);
    }

    [Fact]
    public void A_full_volume_refuses_and_stays_as_it_was()
    {
        var file = _volume.Create(Root, "big", s_file).File;
        var before = _volume.GetSpace();

        Refused(() => _volume.Extend(file, ByteCount.FromMebibytes(64))).ShouldBe(VolumeError.NoSpace);
        _volume.Extend(file, before.Free);
        _volume.GetSpace().Free.Value.ShouldBe(0);
        Refused(() => _volume.Extend(_volume.Create(Root, "small", s_file).File, new ByteCount(5000))).ShouldBe(VolumeError.NoSpace);

        _volume.Map(file).Size.ShouldBe(before.Free);
        _volume.ShrinkStep(file, ByteCount.Zero).ShouldBeTrue();
        _volume.GetSpace().Free.ShouldBe(before.Free);
    }

    [Fact]
    public void A_fragmented_volume_still_gives_all_it_has()
    {
        var holes = new List<string>();
        for (var index = 0; index < 100; index++)
        {
            var name = $"piece{index}";
            _volume.Extend(_volume.Create(Root, name, s_file).File, new ByteCount(100_000));
            if (index % 2 == 0)
            {
                holes.Add(name);
            }
        }

        var rest = _volume.Create(Root, "rest", s_file).File;
        _volume.Extend(rest, _volume.GetSpace().Free - ByteCount.FromMebibytes(1));
        _volume.Commit([]);
        foreach (var name in holes)
        {
            _volume.PurgeOrphanStep(_volume.Unlink(Root, name, false)!.Value).ShouldBeTrue();
        }

        var free = _volume.GetSpace().Free;
        var file = _volume.Create(Root, "scattered", s_file).File;

        _volume.Extend(file, free - new ByteCount(_volume.ClusterSize * 8)).Extents.Count.ShouldBeGreaterThan(1);

        _volume.ShrinkStep(file, ByteCount.Zero).ShouldBeTrue();
    }

    private static VolumeError Refused(Action action) => Should.Throw<VolumeException>(action).Error;

    private static VolumeError Refused<T>(Func<T> action) => Should.Throw<VolumeException>(() => { action(); }).Error;
}
