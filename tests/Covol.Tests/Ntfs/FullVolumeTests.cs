using Covol.Ntfs;
using Covol.Ntfs.Journal;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Tests.Ntfs.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Ntfs;

/// <summary>Volumes without room: what is refused changes nothing, and deleting always works.</summary>
public sealed class FullVolumeTests
{
    private static readonly NewInode s_file = new(FileKind.Regular, 0x1A4, 0, 0);
    private static readonly NewInode s_directory = new(FileKind.Directory, 0x1ED, 0, 0);

    private static readonly JournalControls s_withoutReserve = JournalControls.All with { KeepReserve = false };

    /// <summary>
    /// Each kind of change on volumes with 0, 1, 2 ... clusters left, so that it fails at each of its allocations.
    /// </summary>
    [Theory]
    [InlineData(WorkKind.Create)]
    [InlineData(WorkKind.CreateDirectory)]
    [InlineData(WorkKind.CreateLink)]
    [InlineData(WorkKind.Extend)]
    [InlineData(WorkKind.Link)]
    [InlineData(WorkKind.Rename)]
    [InlineData(WorkKind.SetAttributes)]
    [InlineData(WorkKind.SetExtended)]
    [InlineData(WorkKind.Unlink)]
    public void What_fails_for_want_of_room_changes_nothing(WorkKind kind)
    {
        var refusals = 0;
        for (var left = 0; left < 6; left++)
        {
            var device = FormattedVolume.Small();
            using (var volume = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default, s_withoutReserve).Volume)
            {
                var file = Prepare(volume, left);
                for (var index = 0; index < 30; index++)
                {
                    refusals += IsRefused(volume, () => Do(volume, kind, file, index)) ? 1 : 0;
                }

                volume.Commit([]);
            }

            VolumeChecker.Check(device).ShouldBeEmpty($"{kind} with {left} clusters left");
        }

        // Attributes of a file are kept in its record, which is there already.
        (refusals > 0).ShouldBe(kind is not WorkKind.SetAttributes);
    }

    [Fact]
    public void A_full_volume_can_be_emptied()
    {
        var device = FormattedVolume.Small();
        using (var volume = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default).Volume)
        {
            var free = volume.GetSpace().Free;
            var names = Fill(volume, 600);

            // All at once, as if every one were open: the orphan folder needs many index blocks.
            var orphans = names.Select(name => Committed(volume, () => volume.Unlink(volume.Root, name, false)!.Value)).ToList();
            orphans.ForEach(orphan => Committed(volume, () => volume.PurgeOrphanStep(orphan)).ShouldBeTrue());

            // What stays is the room that the MFT and the folders took for themselves.
            volume.GetSpace().Free.ShouldBeGreaterThan(free - ByteCount.FromMebibytes(2));
            volume.List(volume.Root).ShouldBeEmpty();
        }

        VolumeChecker.Check(device).ShouldBeEmpty();
    }

    [Fact]
    public void Without_the_reserve_a_full_volume_cannot_be_emptied()
    {
        var device = FormattedVolume.Small();
        using var volume = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default, s_withoutReserve).Volume;
        var names = Fill(volume, 600);

        Should.Throw<VolumeException>(
            () => names.ForEach(name => Committed(volume, () => volume.Unlink(volume.Root, name, false)))).Error.ShouldBe(VolumeError.NoSpace);
    }

    [Fact]
    public void The_mft_grows_on_a_volume_in_pieces()
    {
        var device = FormattedVolume.Fragmented();
        using (var volume = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default).Volume)
        {
            var folder = volume.Create(volume.Root, "folder", s_directory).File;
            var made = 0;
            Should.Throw<VolumeException>(() =>
            {
                for (; made < 5000; made++)
                {
                    Committed(volume, () => volume.Create(folder, $"file {made}", s_file));
                }
            }).Error.ShouldBe(VolumeError.NoSpace);

            made.ShouldBeGreaterThan(100);
            volume.List(folder).Count.ShouldBe(made);
            Committed(volume, () => volume.Unlink(folder, "file 7", false)).ShouldNotBeNull();
        }

        VolumeChecker.Check(device).ShouldBeEmpty();
    }

    [Fact]
    public void A_file_takes_all_the_small_holes_there_are()
    {
        var device = FormattedVolume.Fragmented();
        using (var volume = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default).Volume)
        {
            var free = volume.GetSpace().Free;
            var file = volume.Create(volume.Root, "scattered", s_file).File;

            Committed(volume, () => volume.Extend(file, free)).Size.ShouldBe(free);
            Committed(volume, () => { volume.SetValidLength(file, free, new FileTime(130_000_000_000_000_000)); return true; });

            var map = volume.Map(file);
            map.Extents.Count.ShouldBeGreaterThan(50);
            map.ValidLength.ShouldBe(free);
        }

        VolumeChecker.Check(device).ShouldBeEmpty();
    }

    private static T Committed<T>(NtfsVolume volume, Func<T> change)
    {
        var result = change();
        volume.Commit([]);
        if (volume.JournalUse > 0.5)
        {
            volume.Checkpoint([]);
        }

        return result;
    }

    /// <summary>Many small files, then one that takes all that is left.</summary>
    private static List<string> Fill(NtfsVolume volume, int count)
    {
        var names = Enumerable.Range(0, count).Select(index => $"file {index}").ToList();
        names.ForEach(name => Committed(volume, () => volume.Create(volume.Root, name, s_file)));
        var rest = volume.Create(volume.Root, "rest", s_file).File;
        Committed(volume, () => volume.Extend(rest, volume.GetSpace().Free));
        return [.. names, "rest"];
    }

    private static FileId Prepare(NtfsVolume volume, int left)
    {
        var file = volume.Create(volume.Root, "file", s_file).File;
        for (var index = 0; index < 40; index++)
        {
            volume.Create(volume.Root, $"old {index}", s_file);
        }

        var rest = volume.Create(volume.Root, "rest", s_file).File;
        volume.Extend(rest, volume.GetSpace().Free - new ByteCount(left * volume.ClusterSize));
        volume.Commit([]);
        return file;
    }

    private static void Do(NtfsVolume volume, WorkKind kind, FileId file, int index)
    {
        var name = $"a new name that is so long that the directory soon needs another index block {new string('x', 100)} {index}";
        switch (kind)
        {
            case WorkKind.Create:
                volume.Create(volume.Root, name, s_file);
                break;
            case WorkKind.CreateDirectory:
                volume.Create(volume.Root, name, s_directory);
                break;
            case WorkKind.CreateLink:
                volume.Create(volume.Root, name, new NewInode(FileKind.SymbolicLink, 0x1FF, 0, 0, Target: new string('t', 3000)));
                break;
            case WorkKind.Extend:
                volume.Extend(file, new ByteCount((index + 1) * 4096));
                break;
            case WorkKind.Link:
                volume.Link(file, volume.Root, name);
                break;
            case WorkKind.Rename:
                volume.Rename(volume.Root, $"old {index}", volume.Root, name, RenameMode.NoReplace);
                break;
            case WorkKind.SetAttributes:
                volume.SetAttributes(file, new AttributeChange { Mode = index, Owner = (uint)index });
                break;
            case WorkKind.SetExtended:
                volume.SetExtendedAttribute(file, $"user.{index}", new byte[1000], false, false);
                break;
            default:
                volume.Unlink(volume.Root, $"old {index}", false);
                break;
        }
    }

    /// <summary>Whether a change is refused for want of room; then everything is as it was.</summary>
    private static bool IsRefused(NtfsVolume volume, Action change)
    {
        var before = VolumeTree.Of(volume).ToString();
        try
        {
            change();
            return false;
        }
        catch (VolumeException refused) when (refused.Error == VolumeError.NoSpace)
        {
            VolumeTree.Of(volume).ToString().ShouldBe(before);
            return true;
        }
    }
}
