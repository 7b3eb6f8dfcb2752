using Covol.Lun;
using Covol.Ntfs;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Tests.Ntfs.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Ntfs.Checking;

/// <summary>A check of a volume that goes on being changed sees it as it was when the check began.</summary>
public sealed class OnlineChecks : IDisposable
{
    private static readonly NewInode s_file = new(FileKind.Regular, 0x1A4, 0, 0);
    private static readonly NewInode s_directory = new(FileKind.Directory, 0x1ED, 0, 0);

    private readonly ReadingDevice _device = new(GoodVolume.Copy());
    private readonly NtfsVolume _volume;
    private int _made;

    public OnlineChecks() => _volume = NtfsVolume.Open(_device, new Epoch(2), NtfsOptions.Default).Volume;

    public void Dispose() => _volume.Dispose();

    [Fact]
    public void Commits_between_its_reads_do_not_show()
    {
        var files = VolumeChecker.CheckAtRest(_device).Files;
        var check = _volume.BeginCheck();
        _device.BeforeRead = Change;

        var report = check.Run();

        _made.ShouldBeGreaterThan(20);
        report.Findings.ShouldBeEmpty();
        report.Files.ShouldBe(files);
        _volume.EndCheck();
        _device.BeforeRead = null;
        VolumeChecker.CheckAtRest(_device).Files.ShouldBeGreaterThan(files);
    }

    [Fact]
    public void Without_what_was_kept_they_would_look_like_damage()
    {
        _volume.BeginCheck();
        _device.BeforeRead = Change;

        var findings = VolumeChecker.Check(_device);

        findings.ShouldNotBeEmpty();
    }

    [Fact]
    public void What_is_uncommitted_when_it_begins_is_not_seen()
    {
        _volume.Create(_volume.Root, "not committed", s_file);
        var check = _volume.BeginCheck();

        var report = check.Run();

        report.Findings.ShouldBeEmpty();
        report.Files.ShouldBe(VolumeChecker.CheckAtRest(GoodVolume.Copy()).Files);
    }

    [Fact]
    public void A_directory_whose_blocks_were_given_to_a_file_meanwhile_is_skipped()
    {
        var folder = _volume.Lookup(_volume.Root, "folder")!.File;
        var blocks = new DamagedVolume(_device.Below).RunsOf((int)folder.Reference.Record, DamagedVolume.IndexAllocation, "$I30");
        var check = _volume.BeginCheck();
        foreach (var (_, lcn, length) in blocks)
        {
            // As if the directory had been deleted and its clusters were a guest's now.
            var place = new LunByteOffset(lcn * 4096);
            _volume.MustCheckpointBefore([new FileExtent(new FileByteOffset(0), place, new ByteCount(length * 4096))]);
            _device.Write(place, Enumerable.Repeat((byte)0x5A, (int)length * 4096).ToArray());
        }

        var report = check.Run();

        report.Findings.ShouldBeEmpty();
        report.Skipped.ShouldBe(1);
        VolumeChecker.Check(_device).ShouldNotBeEmpty("the control: the blocks are gone");
    }

    [Fact]
    public void A_volume_that_changes_too_much_gives_it_up_with_a_sentence()
    {
        var check = _volume.BeginCheck(pagesMax: 3);
        Change();

        Should.Throw<CheckAbandonedException>(check.Run).Message.ShouldContain("changed too much");

        _volume.EndCheck();
        _volume.BeginCheck().Run().Findings.ShouldBeEmpty();
    }

    [Fact]
    public void It_ends_at_the_next_read_when_it_is_given_up()
    {
        var check = _volume.BeginCheck();
        check.Abandon("The coordinator ends.");

        Should.Throw<CheckAbandonedException>(check.Run).Message.ShouldBe("The coordinator ends.");
    }

    /// <summary>Makes and deletes files and directories, commits.</summary>
    private void Change()
    {
        if (_made > 400)
        {
            return;
        }

        for (var index = 0; index < 4; index++)
        {
            var name = $"made{_made++:000}";
            var folder = _volume.Create(_volume.Root, name, s_directory).File;
            _volume.Extend(_volume.Create(folder, "in it", s_file).File, new ByteCount(16_384));
        }

        if (_volume.Lookup(_volume.Root, $"made{_made - 4:000}") is { } first)
        {
            _volume.PurgeOrphanStep(_volume.Unlink(first.File, "in it", false)!.Value);
        }

        if (_volume.Lookup(_volume.Lookup(_volume.Root, "folder")!.File, $"file{_made % 300:000}m") is not null)
        {
            _volume.PurgeOrphanStep(_volume.Unlink(_volume.Lookup(_volume.Root, "folder")!.File, $"file{_made % 300:000}m", false)!.Value);
        }

        _volume.Commit([]);
        if (_made % 40 == 0)
        {
            _volume.Checkpoint([]);
        }
    }

    /// <summary>Lets something happen before each read that a check makes.</summary>
    private sealed class ReadingDevice(SnapshotDevice below) : IBlockDevice
    {
        private bool _isInside;

        public SnapshotDevice Below => below;

        public Action? BeforeRead { get; set; }

        public ByteCount Size => below.Size;

        public int BlockSize => below.BlockSize;

        public void Read(LunByteOffset from, Span<byte> target)
        {
            if (BeforeRead is { } happens && !_isInside)
            {
                _isInside = true;
                happens();
                _isInside = false;
            }

            below.Read(from, target);
        }

        public void Write(LunByteOffset at, ReadOnlySpan<byte> source) => below.Write(at, source);

        public void Flush() => below.Flush();

        public void WriteZeroes(LunByteOffset at, ByteCount length) => below.WriteZeroes(at, length);

        public void Discard(LunByteOffset at, ByteCount length) => below.Discard(at, length);

        public void Dispose() => below.Dispose();
    }
}
