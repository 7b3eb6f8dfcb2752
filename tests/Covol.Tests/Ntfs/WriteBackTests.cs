using Covol.Lun;
using Covol.Ntfs;
using Covol.Ntfs.Journal;
using Covol.Protocol;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Journal;
using Covol.Protocol.Units;
using Covol.Tests.Ntfs.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Ntfs;

/// <summary>How committed pages get to their places: when, how many at once, in how many writes, and what is seen until then.</summary>
public sealed class WriteBackTests
{
    private const int PageSize = 4096;
    private static readonly JournalLocator s_extent = new(new LunByteOffset(1 << 20), ByteCount.FromMebibytes(16), 42);
    private static readonly NewInode s_file = new(FileKind.Regular, 0x1A4, 0, 0);

    [Fact]
    public void A_commit_is_one_write_and_one_flush()
    {
        var (device, journal) = Begin(JournalControls.All);

        // Neighbours, others, more than fits a buffer for unaligned memory, and the caller's state.
        Commit(journal, [.. Enumerable.Range(5_000, 100), .. Enumerable.Range(0, 100).Select(index => 6_000 + (2 * index))]);

        device.Log.Count.ShouldBe(2);
        device.Log[0].Data!.Length.ShouldBe((int)JournalRecord.LengthOf(200, 1));
        device.Log[1].IsFlush.ShouldBeTrue();
        journal.NotInPlace.Count.ShouldBe(200);
    }

    [Fact]
    public void Four_hundred_commits_put_their_pages_in_place_with_fewer_than_a_hundred_writes()
    {
        var device = new RecordingBlockDevice(FormattedVolume.Make(ByteCount.FromMebibytes(64), ByteCount.FromMebibytes(16)));
        using var volume = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default).Volume;
        device.Clear();
        for (var index = 0; index < 100; index++)
        {
            volume.Extend(volume.Create(volume.Root, $"file{index}", s_file).File, new ByteCount(4_096));
            volume.Commit([1]);
            volume.WriteBackStep();
            var orphan = volume.Unlink(volume.Root, $"file{index}", isDirectory: false);
            volume.Commit([1]);
            volume.WriteBackStep();
            volume.PurgeOrphanStep(orphan!.Value).ShouldBeTrue();
            volume.Commit([1]);
            volume.Create(volume.Root, $"kept{index}", s_file);
            volume.Commit([1]);
            volume.WriteBackStep();
        }

        volume.Checkpoint([]);

        device.Log.Count(entry => !entry.IsFlush).ShouldBeLessThan(500);
        VolumeChecker.Check(device).ShouldBeEmpty();
    }

    [Fact]
    public void Few_pages_wait_for_company_and_many_do_not()
    {
        var (device, journal) = Begin(JournalControls.All);
        for (var again = 0; again < 5; again++)
        {
            Commit(journal, Scattered(5_000, WriteBack.PagesWaitMax));
            var before = device.Log.Count;
            journal.WriteBackStep().ShouldBeFalse();
            device.Log.Count.ShouldBe(before);
        }

        Commit(journal, [9_000]);
        journal.WriteBackStep().ShouldBeFalse();
        journal.NotInPlace.Count.ShouldBe(WriteBack.PagesWaitMax + 1 - WriteBack.StepWritesMax);
    }

    [Fact]
    public void Neighbours_go_out_in_one_write_of_at_most_a_step()
    {
        var (device, journal) = Begin(JournalControls.All);
        Commit(journal, [.. Enumerable.Range(5_000, WriteBack.StepPagesMax + 44)]);
        var before = device.Log.Count;

        journal.WriteBackStep();

        device.Log.Skip(before).Select(entry => entry.Data!.Length / PageSize).ShouldBe([WriteBack.StepPagesMax, 44]);
    }

    [Fact]
    public void A_step_is_bounded_by_its_writes_or_by_what_was_committed_since_the_last()
    {
        var (device, journal) = Begin(JournalControls.All);
        Commit(journal, Scattered(5_000, 1_000));
        var before = device.Log.Count;

        journal.WriteBackStep().ShouldBeTrue();
        device.Log.Count.ShouldBe(before + (1_000 * WriteBack.StepWritesMax / WriteBack.StepPagesMax));
        before = device.Log.Count;

        journal.WriteBackStep().ShouldBeTrue();
        device.Log.Count.ShouldBe(before + WriteBack.StepWritesMax);
    }

    [Fact]
    public void Each_page_is_reached_before_one_is_written_twice()
    {
        var (device, journal) = Begin(JournalControls.All with { PagesWaitMax = 0 });
        var cold = Scattered(5_000, 300);
        Commit(journal, cold);
        var written = new List<long>();
        for (var step = 0; step < 20 && written.Distinct().Count() < 300; step++)
        {
            Commit(journal, cold[..3]);
            var before = device.Log.Count;
            journal.WriteBackStep();
            written.AddRange(device.Log.Skip(before).Select(entry => entry.At.Value / PageSize));
        }

        written.Distinct().Count().ShouldBe(300);
        written.Count(page => page == cold[0]).ShouldBeLessThan(3);
    }

    [Fact]
    public void A_checkpoint_finds_few_pages_because_steps_went_before_it()
    {
        var (_, journal) = Begin(JournalControls.All);
        for (var commit = 0; journal.Use < 0.5; commit++)
        {
            Commit(journal, Scattered(4_400 + (50 * commit % 2_000), 10));
            journal.WriteBackStep();
        }

        journal.NotInPlace.Count.ShouldBeLessThanOrEqualTo(WriteBack.StepWritesMax);
    }

    [Fact]
    public void No_more_pages_wait_than_the_limit()
    {
        var device = new SnapshotDevice(ByteCount.FromMebibytes(192));
        var extent = new JournalLocator(new LunByteOffset(1 << 20), ByteCount.FromMebibytes(72), 42);
        RedoJournal.Format(device, extent, new Epoch(0), [], []);
        var journal = RedoJournal.Recover(device, extent, new Epoch(1), JournalControls.All).Journal;
        var most = 0;
        for (var commit = 0; commit < 13; commit++)
        {
            Commit(journal, Scattered(19_000 + (2_000 * commit), 1_000));
            most = Math.Max(most, journal.NotInPlace.Count);
        }

        most.ShouldBe(WriteBack.PagesMax / 1_000 * 1_000);
        journal.NotInPlace.Count.ShouldBeLessThan(most);
    }

    [Fact]
    public void What_is_not_in_its_place_is_seen_by_everything_that_reads()
    {
        var device = FormattedVolume.Small();
        using var volume = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default with { CleanPagesMax = 1 }).Volume;
        var names = Enumerable.Range(0, 200).Select(index => $"file{index:000}").ToList();
        foreach (var name in names)
        {
            volume.Extend(volume.Create(volume.Root, name, s_file).File, new ByteCount(8_192));
            volume.Commit([]);
            volume.WriteBackStep();
        }

        volume.NotInPlace.Count.ShouldBeGreaterThan(10);
        volume.List(volume.Root).Select(entry => entry.Name).ShouldBe(names);
        foreach (var name in names)
        {
            volume.Map(volume.Lookup(volume.Root, name)!.File).Size.ShouldBe(new ByteCount(8_192));
        }
    }

    [Fact]
    public void A_refused_change_leaves_what_is_not_in_its_place()
    {
        using var volume = NtfsVolume.Open(
            FormattedVolume.Tight(), new Epoch(1), NtfsOptions.Default with { CleanPagesMax = 1 }).Volume;
        var file = volume.Create(volume.Root, "file", s_file).File;
        volume.Extend(file, new ByteCount(8_192));
        volume.Commit([]);
        volume.NotInPlace.ShouldNotBeEmpty();

        // Refused after the library changed the directory; what it reads anew is what was committed.
        for (var index = 0; volume.HasRoomForChange; index++)
        {
            volume.Extend(volume.Create(volume.Root, $"filler{index}", s_file).File, new ByteCount(4_096));
        }

        Should.Throw<Exception>(() =>
        {
            for (var index = 0; ; index++)
            {
                volume.Create(volume.Root, $"too many {index}", s_file);
            }
        }).ShouldBeOfType<GroupFullException>();

        volume.Map(volume.Lookup(volume.Root, "file")!.File).Size.ShouldBe(new ByteCount(8_192));
        volume.Commit([]);
        volume.Lookup(volume.Root, "filler0").ShouldNotBeNull();
    }

    [Fact]
    public void A_check_that_begins_between_commit_and_write_back_sees_the_commit()
    {
        var device = FormattedVolume.Small();
        var before = VolumeChecker.CheckAtRest(device).Files;
        using var volume = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default, CrashSettings.Often).Volume;
        for (var index = 0; index < 60; index++)
        {
            volume.Extend(volume.Create(volume.Root, $"file{index}", s_file).File, new ByteCount(8_192));
        }

        volume.Commit([]);
        volume.WriteBackStep().ShouldBeTrue();

        var report = volume.BeginCheck().Run();

        report.Findings.ShouldBeEmpty();
        report.Files.ShouldBe(before + 60);
        VolumeChecker.Check(device).ShouldNotBeEmpty("the control: half of the pages are in their places");
    }

    [Fact]
    public void A_write_back_that_fails_ends_the_volume_and_the_next_coordinator_has_everything()
    {
        var disk = FormattedVolume.Small();
        var device = new RefusingDevice(disk);
        using (var volume = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default, CrashSettings.Often).Volume)
        {
            for (var index = 0; index < 60; index++)
            {
                volume.Create(volume.Root, $"file{index:00}", s_file);
            }

            volume.Commit([]);
            volume.WriteBackStep().ShouldBeTrue();
            device.Refuses = true;

            Should.Throw<LunException>(() => volume.WriteBackStep());
            Should.Throw<InvariantBrokenException>(() => volume.Commit([1])).Message.ShouldContain("after it had failed");
        }

        VolumeChecker.Check(disk).ShouldNotBeEmpty("the control: half of the pages are in their places");
        using var next = NtfsVolume.Open(disk, new Epoch(2), NtfsOptions.Default).Volume;
        next.List(next.Root).Count.ShouldBe(60);
        VolumeChecker.Check(disk).ShouldBeEmpty();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_record_is_written_again_when_another_flush_failed_meanwhile(bool isGuarded)
    {
        var device = new ForgetfulDevice(FormattedJournal());
        var journal = RedoJournal.Recover(device, s_extent, new Epoch(1), Controls(isGuarded)).Journal;
        device.FailAnotherFlushFirst = true;

        Commit(journal, [5_000]);

        var recovered = RedoJournal.Recover(device.AfterPowerCut(), s_extent, new Epoch(2), JournalControls.All).Recovery;
        recovered.Changes.Count.ShouldBe(isGuarded ? 1 : 0);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Pages_are_put_in_their_places_again_when_another_flush_failed_meanwhile(bool isGuarded)
    {
        var device = new ForgetfulDevice(FormattedJournal());
        var journal = RedoJournal.Recover(device, s_extent, new Epoch(1), Controls(isGuarded)).Journal;
        Commit(journal, [5_000, 5_001]);
        journal.WriteBackStep();
        device.FailAnotherFlush();

        journal.Checkpoint([]);

        var content = new byte[PageSize];
        device.AfterPowerCut().Read(new LunByteOffset(5_000L * PageSize), content);
        content[0].ShouldBe(isGuarded ? (byte)136 : (byte)0);
    }

    [Fact]
    public void Flushes_of_others_that_go_on_failing_end_the_journal()
    {
        var device = new ForgetfulDevice(FormattedJournal());
        var journal = RedoJournal.Recover(device, s_extent, new Epoch(1), JournalControls.All).Journal;
        device.FailAnotherFlushFirst = true;
        device.GoesOnFailing = true;

        Should.Throw<LunException>(() => Commit(journal, [5_000])).Error.ShouldBe(LunError.MediaFailed);
    }

    private static JournalControls Controls(bool isGuarded) =>
        JournalControls.All with { RewriteAfterFailedFlush = isGuarded, PagesWaitMax = 0 };

    private static SnapshotDevice FormattedJournal()
    {
        var device = new SnapshotDevice(ByteCount.FromMebibytes(64));
        RedoJournal.Format(device, s_extent, new Epoch(0), [], []);
        return device;
    }

    private static (RecordingBlockDevice Device, RedoJournal Journal) Begin(JournalControls controls)
    {
        var formatted = FormattedJournal();
        RedoJournal.Recover(formatted, s_extent, new Epoch(1), controls);
        var device = new RecordingBlockDevice(formatted);
        var journal = RedoJournal.Recover(device, s_extent, new Epoch(1), controls).Journal;
        device.Clear();
        return (device, journal);
    }

    private static long[] Scattered(long first, int count) => [.. Enumerable.Range(0, count).Select(index => first + (2L * index))];

    private static void Commit(RedoJournal journal, IEnumerable<int> pages) => Commit(journal, [.. pages.Select(page => (long)page)]);

    private static void Commit(RedoJournal journal, long[] pages) =>
        journal.Commit(pages, page => [.. Enumerable.Repeat((byte)page, PageSize)], [1]);

    /// <summary>Fails writes from some moment on.</summary>
    private sealed class RefusingDevice(SnapshotDevice below) : IBlockDevice
    {
        public bool Refuses { get; set; }

        public ByteCount Size => below.Size;

        public int BlockSize => below.BlockSize;

        public void Read(LunByteOffset from, Span<byte> target) => below.Read(from, target);

        public void Write(LunByteOffset at, ReadOnlySpan<byte> source)
        {
            if (Refuses)
            {
                throw new LunException(LunError.MediaFailed, "The disk is broken.");
            }

            below.Write(at, source);
        }

        public void Flush() => below.Flush();

        public void WriteZeroes(LunByteOffset at, ByteCount length) => below.WriteZeroes(at, length);

        public void Discard(LunByteOffset at, ByteCount length)
        {
        }

        public void Dispose()
        {
        }
    }

    /// <summary>What was not flushed is lost when a flush fails, and by a power cut.</summary>
    private sealed class ForgetfulDevice(SnapshotDevice stable) : IBlockDevice
    {
        private readonly SnapshotDevice _seen = stable.Snapshot();
        private SnapshotDevice _stable = stable;

        public ByteCount Size => _seen.Size;

        public int BlockSize => _seen.BlockSize;

        public long FlushesFailed { get; private set; }

        /// <summary>A flush of somebody else fails just before the next one, which succeeds.</summary>
        public bool FailAnotherFlushFirst { get; set; }

        public bool GoesOnFailing { get; set; }

        public SnapshotDevice AfterPowerCut() => _stable.Snapshot();

        public void FailAnotherFlush()
        {
            FlushesFailed++;
            foreach (var page in _seen.Differences(_stable).ToList())
            {
                var content = new byte[PageSize];
                _stable.Read(new LunByteOffset(page * PageSize), content);
                _seen.Write(new LunByteOffset(page * PageSize), content);
            }
        }

        public void Read(LunByteOffset from, Span<byte> target) => _seen.Read(from, target);

        public void Write(LunByteOffset at, ReadOnlySpan<byte> source) => _seen.Write(at, source);

        public void Flush()
        {
            if (FailAnotherFlushFirst)
            {
                FailAnotherFlush();
                FailAnotherFlushFirst = GoesOnFailing;
            }

            _stable = _seen.Snapshot();
        }

        public void WriteZeroes(LunByteOffset at, ByteCount length) => _seen.WriteZeroes(at, length);

        public void Discard(LunByteOffset at, ByteCount length)
        {
        }

        public void Dispose()
        {
        }
    }
}
