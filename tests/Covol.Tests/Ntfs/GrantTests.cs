using Covol.Ntfs;
using Covol.Ntfs.Journal;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Tests.Ntfs.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Ntfs;

/// <summary>
/// Clusters that held metadata become a guest's: neither a replay nor a page that waited to be put in its place may put the metadata back
/// (SAFETY 15).
/// </summary>
public sealed class GrantTests
{
    private static readonly NewInode s_file = new(FileKind.Regular, 0x1A4, 0, 0);
    private static readonly JournalControls s_eager = JournalControls.All with { PagesWaitMax = 0 };

    [Fact]
    public void A_replay_does_not_touch_granted_clusters() => DamagedPages(JournalControls.All, isCut: true).ShouldBe(0);

    [Fact]
    public void Without_a_checkpoint_before_the_grant_a_replay_destroys_data() =>
        DamagedPages(JournalControls.All with { CheckpointBeforeGrant = false }, isCut: true).ShouldBeGreaterThan(0);

    [Fact]
    public void Pages_that_waited_are_not_written_over_granted_clusters() => DamagedPages(s_eager, isCut: false).ShouldBe(0);

    [Fact]
    public void Without_a_checkpoint_before_the_grant_pages_that_waited_are_written_over_data() =>
        DamagedPages(s_eager with { CheckpointBeforeGrant = false }, isCut: false).ShouldBeGreaterThan(0);

    [Fact]
    public void With_a_checkpoint_that_leaves_pages_waiting_they_are_written_over_data() =>
        DamagedPages(s_eager with { WriteBackBeforeLap = false }, isCut: false).ShouldBeGreaterThan(0);

    /// <summary>
    /// A directory grows and goes, a file takes its clusters, a node writes them; then the coordinator crashes, or goes on and puts in place
    /// what waits.
    /// </summary>
    private static int DamagedPages(JournalControls controls, bool isCut)
    {
        // All that is free: the clusters that the directory left are not to be among those that data leaves alone.
        controls = controls with { KeepReserve = false };
        var device = FormattedVolume.Small();
        FileMap map;
        using (var volume = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default, controls).Volume)
        {
            GrowAndRemoveDirectory(volume);
            var file = volume.Create(volume.Root, "disk", s_file).File;
            map = volume.Extend(file, volume.GetSpace().Free);
            volume.Commit([]);
            volume.NotInPlace.Keys.ShouldContain(page => Pages(map).Any(place => place.Value == page * 4096));
            if (volume.MustCheckpointBefore(map.Extents))
            {
                volume.Checkpoint([]);
                volume.MustCheckpointBefore(map.Extents).ShouldBeFalse();
            }

            foreach (var page in Pages(map))
            {
                device.Write(page, [.. Enumerable.Repeat((byte)0xDA, 4096)]);
            }

            volume.SetValidLength(file, map.Size, new FileTime(130_000_000_000_000_000));
            volume.Commit([]);
            while (!isCut && volume.WriteBackStep())
            {
                // Until nothing waits.
            }
        }

        if (isCut)
        {
            NtfsVolume.Open(device, new Epoch(2), NtfsOptions.Default).Volume.Dispose();
        }

        var content = new byte[4096];
        return Pages(map).Count(page =>
        {
            device.Read(page, content);
            return content.Any(single => single != 0xDA);
        });
    }

    private static void GrowAndRemoveDirectory(NtfsVolume volume)
    {
        var folder = volume.Create(volume.Root, "folder", new NewInode(FileKind.Directory, 0x1ED, 0, 0)).File;
        var names = Enumerable.Range(0, 100).Select(index => $"a name long enough for the index to need blocks of its own {index}").ToList();
        names.ForEach(name => volume.Create(folder, name, s_file));
        volume.Commit([]);
        foreach (var orphan in names.Select(name => volume.Unlink(folder, name, false)).ToList())
        {
            volume.PurgeOrphanStep(orphan!.Value).ShouldBeTrue();
        }

        volume.PurgeOrphanStep(volume.Unlink(volume.Root, "folder", true)!.Value).ShouldBeTrue();
        volume.Commit([]);
    }

    private static IEnumerable<LunByteOffset> Pages(FileMap map) => map.Extents.SelectMany(extent =>
        Enumerable.Range(0, (int)(extent.Length.Value / 4096)).Select(page => extent.LunStart + new ByteCount(page * 4096L)));
}
