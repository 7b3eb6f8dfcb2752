using Covol.Ntfs;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Tests.Ntfs.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Ntfs;

/// <summary>Files without a name and directories in pieces, over memory; each test ends with a check of the volume.</summary>
public sealed class NamelessAndListing : IDisposable
{
    private static readonly NewInode s_file = new(FileKind.Regular, 0x1A4, 1000, 100);
    private static readonly NewInode s_directory = new(FileKind.Directory, 0x1ED, 0, 0);

    private readonly SnapshotDevice _device = FormattedVolume.Small();
    private readonly NtfsVolume _volume;

    public NamelessAndListing() => _volume = NtfsVolume.Open(_device, new Epoch(1), NtfsOptions.Default).Volume;

    private FileId Root => _volume.Root;

    public void Dispose()
    {
        _volume.Commit([]);
        _volume.Dispose();
        VolumeChecker.Check(_device).ShouldBeEmpty();
    }

    [Fact]
    public void A_file_without_a_name_is_an_orphan_with_owner_and_data()
    {
        var made = _volume.CreateNameless(s_file);
        _volume.Extend(made.File, ByteCount.FromMebibytes(1));

        (made.LinkCount, made.Owner, made.Group, made.Mode).ShouldBe((0, 1000u, 100u, 0x1A4));
        _volume.Orphans().ShouldBe([made.File]);
        _volume.List(Root).ShouldBeEmpty();
        _volume.PurgeOrphanStep(made.File).ShouldBeTrue();
        _volume.Orphans().ShouldBeEmpty();
    }

    [Fact]
    public void Its_first_name_makes_it_a_file_like_others()
    {
        var folder = _volume.Create(Root, "folder", s_directory).File;
        var made = _volume.CreateNameless(s_file).File;
        var other = _volume.CreateNameless(s_file).File;

        _volume.LinkNameless(made, folder, "name").LinkCount.ShouldBe(1);

        _volume.Lookup(folder, "name")!.File.ShouldBe(made);
        _volume.Orphans().ShouldBe([other]);
        _volume.Link(made, Root, "second").LinkCount.ShouldBe(2);
        Should.Throw<VolumeException>(() => _volume.LinkNameless(other, folder, "name")).Error.ShouldBe(VolumeError.Exists);
        _volume.Orphans().ShouldBe([other]);
    }

    [Fact]
    public void Names_are_listed_and_lead_to_what_is_there_still()
    {
        var folder = _volume.Create(Root, "folder", s_directory).File;
        var file = _volume.Create(folder, "file", s_file).File;
        _volume.Create(folder, "Zeta", s_file);
        _volume.Create(folder, "below", s_directory);
        var (names, isLast) = _volume.NamesAfter(folder, null, 10);

        isLast.ShouldBeTrue();
        names.Select(name => name.Name).ShouldBe(["below", "file", "Zeta"]);
        _volume.EntryOf(folder, "file", names[1].File).ShouldBe(new DirectoryEntry("file", file, FileKind.Regular));
        _volume.EntryOf(folder, "below", names[0].File)!.Kind.ShouldBe(FileKind.Directory);

        _volume.Rename(folder, "file", folder, "moved", RenameMode.Replace);
        _volume.PurgeOrphanStep(_volume.Unlink(folder, "Zeta", isDirectory: false)!.Value).ShouldBeTrue();
        _volume.EntryOf(folder, "file", names[1].File).ShouldBeNull();
        _volume.EntryOf(folder, "moved", names[1].File)!.File.ShouldBe(file);
        _volume.EntryOf(folder, "Zeta", names[2].File).ShouldBeNull();
    }

    [Fact]
    public void A_listing_goes_on_after_a_name_that_is_gone_and_tells_names_apart_by_case()
    {
        var folder = _volume.Create(Root, "folder", s_directory).File;
        foreach (var name in new[] { "b", "B", "a", "c", "ä", "日" })
        {
            _volume.Create(folder, name, s_file);
        }

        _volume.Unlink(folder, "b", isDirectory: false);

        var all = Names(null, 10);
        all.ShouldBe(["a", "B", "c", "ä", "日"]);
        Names("b", 10).ShouldBe(all[2..]);
        Names("B", 1).ShouldBe(["c"]);
        Names("日", 10).ShouldBeEmpty();
        Names("zzz", 10).ShouldBe(all[3..]);
        _volume.NamesAfter(folder, null, 4).IsLast.ShouldBeFalse();
        _volume.NamesAfter(folder, null, 5).IsLast.ShouldBeTrue();
        _volume.NamesAfter(_volume.Create(Root, "empty", s_directory).File, null, 5).ShouldSatisfyAllConditions(
            nothing => nothing.Names.ShouldBeEmpty(), nothing => nothing.IsLast.ShouldBeTrue());

        List<string> Names(string? after, int max) => [.. _volume.NamesAfter(folder, after, max).Names.Select(name => name.Name)];
    }

    [Fact]
    public void A_directory_knows_the_one_above()
    {
        var a = _volume.Create(Root, "a", s_directory).File;
        var b = _volume.Create(a, "b", s_directory).File;

        _volume.ParentOf(Root).ShouldBe(Root.Reference);
        _volume.ParentOf(a).Record.ShouldBe(Root.Reference.Record);
        _volume.ParentOf(b).ShouldBe(a.Reference);

        _volume.Unlink(a, "b", isDirectory: true);
        _volume.ParentOf(b).ShouldBe(b.Reference);
        _volume.NamesAfter(Root, null, 10).Names.Select(name => name.Name).ShouldBe(["a"]);
    }
}
