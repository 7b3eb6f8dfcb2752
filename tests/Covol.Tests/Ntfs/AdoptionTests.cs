using System.Buffers.Binary;
using Covol.Lun;
using Covol.Ntfs;
using Covol.Ntfs.Format;
using Covol.Ntfs.Journal;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Tests.Ntfs.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Ntfs;

/// <summary>Volumes that hold files become Covol volumes and plain ones again: nothing moved, nothing lost, at any cut.</summary>
public sealed class AdoptionTests
{
    private static readonly NtfsAdoptionOptions s_options = new() { JournalLength = ByteCount.FromMebibytes(1) };

    [Fact]
    public void An_adopted_volume_shows_the_same_files_in_the_same_clusters()
    {
        var (device, tree) = PlainVolume.Worked();
        PlainVolume.HasLocator(device).ShouldBeFalse();

        NtfsAdopter.Adopt(device, s_options);

        VolumeChecker.Check(device).ShouldBeEmpty();
        PlainVolume.TreeOf(device).ShouldBe(tree);
    }

    [Fact]
    public void A_released_volume_is_plain_and_can_be_adopted_again()
    {
        var (device, tree) = PlainVolume.Worked();
        for (var round = 0; round < 3; round++)
        {
            NtfsAdopter.Adopt(device, s_options);
            NtfsReleaser.Release(device);

            PlainVolume.HasLocator(device).ShouldBeFalse();
            PlainVolume.ProblemsOf(device).ShouldBeEmpty();
        }

        NtfsReleaser.Release(device);
        NtfsAdopter.Adopt(device, s_options);
        PlainVolume.TreeOf(device).ShouldBe(tree);
    }

    [Fact]
    public void Releasing_deletes_the_files_that_lost_their_last_name_while_they_were_open()
    {
        var (device, _) = PlainVolume.Worked();
        NtfsAdopter.Adopt(device, s_options);
        using (var volume = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default).Volume)
        {
            var file = volume.Create(volume.Root, "gone", new NewInode(FileKind.Regular, 0x1A4, 0, 0)).File;
            volume.Extend(file, ByteCount.FromMebibytes(4));
            volume.Unlink(volume.Root, "gone", isDirectory: false).ShouldBe(file);
            volume.Commit([]);
        }

        NtfsReleaser.Release(device);
        PlainVolume.ProblemsOf(device).ShouldBeEmpty();
        NtfsAdopter.Adopt(device, s_options);

        using var again = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default).Volume;
        again.Orphans().ShouldBeEmpty();
    }

    [Fact]
    public void A_volume_that_a_lost_cluster_left_is_recovered_and_adopted_anew()
    {
        var device = FormattedVolume.Small();
        using (var volume = NtfsVolume.Open(device, new Epoch(700), NtfsOptions.Default).Volume)
        {
            volume.Create(volume.Root, "kept", new NewInode(FileKind.Regular, 0x1A4, 0, 0));
            volume.Commit("state of the lost cluster"u8);
        }

        NtfsAdopter.Adopt(device, s_options);

        var (adopted, recovery) = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default);
        using (adopted)
        {
            adopted.Lookup(adopted.Root, "kept").ShouldNotBeNull();
            recovery.CheckpointState.Length.ShouldBe(0);
            recovery.Changes.ShouldBeEmpty();
        }
    }

    [Fact]
    public void On_blocks_of_4096_bytes_all_of_it_works_as_well()
    {
        var below = new SnapshotDevice(ByteCount.FromMebibytes(64));
        using var device = new LargeBlockDevice(below);
        NtfsFormatter.Format(device, new NtfsFormatOptions { Label = "4Kn" });
        VolumeGeometry.Read(device).SectorSize.ShouldBe(4096);
        using (var volume = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default).Volume)
        {
            var file = volume.Create(volume.Root, "file", new NewInode(FileKind.Regular, 0x1A4, 0, 0)).File;
            volume.Extend(file, ByteCount.FromMebibytes(3));
            volume.Commit("state"u8);
            volume.Checkpoint("whole state"u8);
        }

        NtfsReleaser.Release(device);
        PlainVolume.ProblemsOf(below).ShouldBeEmpty();
        NtfsAdopter.Adopt(device, s_options);
        VolumeChecker.CheckAtRest(device).Findings.ShouldBeEmpty();
        using var again = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default).Volume;
        again.Lookup(again.Root, "file").ShouldNotBeNull().Size.Value.ShouldBe(3 << 20);
    }

    [Theory]
    [InlineData(512, true)]
    [InlineData(4096, false)]
    public void Sectors_of_another_size_than_the_blocks_are_served_too(int sector, bool largeBlocks)
    {
        var (disk, tree) = PlainVolume.Worked(sector);
        IBlockDevice device = largeBlocks ? new LargeBlockDevice(disk) : disk;

        NtfsAdopter.Adopt(device, s_options);
        using (var volume = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default).Volume)
        {
            volume.Create(volume.Root, "new", new NewInode(FileKind.Regular, 0x1A4, 0, 0));
            volume.Commit([]);
            volume.Unlink(volume.Root, "new", isDirectory: false).ShouldNotBeNull();
            volume.Commit([]);
        }

        NtfsReleaser.Release(device);
        PlainVolume.ProblemsOf(disk).ShouldBeEmpty();
        NtfsAdopter.Adopt(device, s_options);
        PlainVolume.TreeOf(disk).ShouldBe(tree);
    }

    [Fact]
    public void A_file_whose_data_Windows_keeps_elsewhere_keeps_its_names_and_gives_no_data()
    {
        var (device, _) = PlainVolume.Worked();
        using (var plain = new MountedVolume(new DirectDevice(device)))
        {
            using var root = plain.Open(5);
            using var inode = plain.Open(new FileReference(plain.Find(root, "link 7").ShouldNotBeNull()).Record);

            // IO_REPARSE_TAG_WOF (MS-FSCC 2.1.2.1), what 'compact /exe' leaves.
            var reparse = new byte[24];
            BinaryPrimitives.WriteUInt32LittleEndian(reparse, 0x8000_0017);
            BinaryPrimitives.WriteUInt16LittleEndian(reparse.AsSpan(4), 16);
            plain.WriteReparse(inode, reparse);
            inode.Close();
        }

        NtfsAdopter.Adopt(device, s_options);

        // Without the refusal a program is given what lies there, which is not what the file holds.
        using (var unguarded = NtfsVolume.Open(
            device, new Epoch(1), NtfsOptions.Default, new JournalControls { RefuseEncodedData = false }).Volume)
        {
            unguarded.Read(unguarded.Lookup(unguarded.Root, "link 7").ShouldNotBeNull().File, 0, 10).ShouldBe(new byte[10]);
        }

        using var volume = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default).Volume;
        var file = volume.Lookup(volume.Root, "link 7").ShouldNotBeNull().File;
        Should.Throw<VolumeException>(() => volume.Map(file)).Error.ShouldBe(VolumeError.NotSupported);
        Should.Throw<VolumeException>(() => volume.Read(file, 0, 10)).Message.ShouldContain("Windows keeps elsewhere");
        Should.Throw<VolumeException>(() => volume.Extend(file, ByteCount.FromMebibytes(1))).Error.ShouldBe(VolumeError.NotSupported);
        volume.Rename(volume.Root, "link 7", volume.Root, "another name", RenameMode.NoReplace).ShouldBeNull();
        volume.Commit([]);
        VolumeChecker.Check(device).ShouldBeEmpty();
    }

    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    public void Adoption_cut_anywhere_leaves_the_plain_volume_or_the_adopted_one(int sector)
    {
        var (plain, tree) = PlainVolume.Worked(sector);
        var free = FreePages(plain);
        var (cuts, adopted) = Cut(plain, device => NtfsAdopter.Adopt(device, s_options), disk =>
        {
            if (PlainVolume.HasLocator(disk))
            {
                PlainVolume.TreeOf(disk).ShouldBe(tree);
                VolumeChecker.Check(disk).ShouldBeEmpty();
                return true;
            }

            disk.Differences(plain).Where(page => !free.Contains(page)).ShouldBeEmpty();
            return false;
        });
        adopted.ShouldBeInRange(4, cuts - 4);
    }

    [Fact]
    public void Adoption_that_was_cut_can_be_asked_for_again()
    {
        var (plain, tree) = PlainVolume.Worked();
        var (cuts, _) = Cut(plain, device => NtfsAdopter.Adopt(device, s_options), disk =>
        {
            NtfsAdopter.Adopt(disk, s_options);
            PlainVolume.TreeOf(disk).ShouldBe(tree);
            return VolumeChecker.Check(disk).Count == 0 ? true : throw new ShouldAssertException(string.Join("; ", VolumeChecker.Check(disk)));
        });
        cuts.ShouldBeGreaterThan(10);
    }

    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    public void Release_cut_anywhere_leaves_the_Covol_volume_or_a_plain_one_and_can_be_asked_for_again(int sector)
    {
        var (device, tree) = PlainVolume.Worked(sector);
        NtfsAdopter.Adopt(device, s_options);
        var (cuts, plain) = Cut(device, NtfsReleaser.Release, disk =>
        {
            var wasPlain = !PlainVolume.HasLocator(disk);
            NtfsReleaser.Release(disk);
            PlainVolume.HasLocator(disk).ShouldBeFalse();
            PlainVolume.ProblemsOf(disk).ShouldBeEmpty();
            NtfsAdopter.Adopt(disk, s_options);
            PlainVolume.TreeOf(disk).ShouldBe(tree);
            return wasPlain;
        });
        plain.ShouldBeInRange(1, cuts - 10);
    }

    [Fact]
    public void Without_the_flush_before_the_locator_a_cut_leaves_a_volume_that_does_not_open()
    {
        var (plain, _) = PlainVolume.Worked();
        var log = new RecordingBlockDevice(plain.Snapshot());
        NtfsAdopter.Adopt(log, s_options);
        var locator = log.Log.Select((entry, index) => (entry, index)).First(pair => pair.entry is { IsFlush: false, Data.Length: 512 }).index;
        var unflushed = log.Log.Where((entry, index) => !(entry.IsFlush && index < locator)).ToList();

        // Without a flush only the cut between the locator and the flush behind it matters, so it is taken often.
        var after = unflushed.FindIndex(entry => entry is { IsFlush: false, Data.Length: 512 }) + 1;
        var broken = Enumerable.Range(0, 20).Count(seed =>
        {
            var disk = new CrashPoints(plain, unflushed).All(cut => cut == after, CrashPoints.Unflushed.Shuffled, new Random(seed)).Single().Disk;
            return PlainVolume.HasLocator(disk) && Should.Throw<NtfsRefusedException>(() => PlainVolume.TreeOf(disk)).Message.Length > 0;
        });
        broken.ShouldBeGreaterThan(0);
    }

    /// <summary>Every cut of what <paramref name="work"/> writes, in every way; answers their number and how often the look said true.</summary>
    private static (int Cuts, int True) Cut(SnapshotDevice before, Action<IBlockDevice> work, Func<SnapshotDevice, bool> look)
    {
        var recording = new RecordingBlockDevice(before.Snapshot());
        work(recording);
        var (cuts, said) = (0, 0);
        foreach (var unflushed in Enum.GetValues<CrashPoints.Unflushed>())
        {
            foreach (var (_, disk) in new CrashPoints(before, recording.Log).All(_ => true, unflushed, new Random(cuts)))
            {
                cuts++;
                said += look(disk) ? 1 : 0;
            }
        }

        return (cuts, said);
    }

    /// <summary>Pages (one a cluster here) that the volume's bitmap calls free.</summary>
    private static HashSet<long> FreePages(SnapshotDevice plain)
    {
        var geometry = VolumeGeometry.Read(plain);
        geometry.ClusterSize.ShouldBe(4096);
        var overlay = new Covol.Ntfs.Adoption.MemoryOverlay(plain);
        using var volume = new MountedVolume(overlay);
        var bits = new byte[geometry.Clusters / 8];
        using (var record = volume.Open(6))
        using (var bitmap = new DataAttribute(record, volume))
        {
            bitmap.Read(0, bits).ShouldBe(bits.Length);
        }

        return [.. Enumerable.Range(0, (int)geometry.Clusters & ~7).Where(bit => (bits[bit / 8] & (1 << (bit % 8))) == 0).Select(bit => (long)bit)];
    }
}
