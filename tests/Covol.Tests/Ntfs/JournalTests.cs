using Covol.Ntfs;
using Covol.Ntfs.Journal;
using Covol.Protocol;
using Covol.Protocol.Ids;
using Covol.Protocol.Journal;
using Covol.Protocol.Units;
using Covol.Tests.Ntfs.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Ntfs;

/// <summary>The redo journal by itself, without a file system.</summary>
public sealed class JournalTests
{
    private static readonly JournalLocator s_extent = new(new LunByteOffset(1 << 20), ByteCount.FromMebibytes(1), 42);

    [Fact]
    public void The_checksum_is_XXH64()
    {
        // Vectors of the xxHash specification's sanity tests, seed 0.
        Checksum64.Of([]).ShouldBe(0xEF46DB3751D8E999UL);
        Checksum64.Of("a"u8).ShouldBe(0xD24EC4F1A98C6E5BUL);
        Checksum64.Of("abc"u8).ShouldBe(0x44BC2CF5AD770999UL);
        Checksum64.Of("Nobody inspects the spammish repetition"u8).ShouldBe(0xFBCEA83C8A378BF1UL);
    }

    [Fact]
    public void Committed_pages_and_states_come_back()
    {
        var device = Formatted();
        var journal = Recover(device, 1).Journal;
        Commit(journal, 7, 1, [1]);
        Commit(journal, 8, 2, [2, 2]);
        Wipe(device, 7);

        var recovery = Recover(device, 2).Recovery;

        Fill(device, 7).ShouldBe((byte)1);
        Fill(device, 8).ShouldBe((byte)2);
        recovery.CheckpointState.ToArray().ShouldBe([9]);
        recovery.Changes.Select(change => change.ToArray()).ShouldBe([[1], [2, 2]]);
    }

    [Fact]
    public void A_second_recovery_finds_the_same()
    {
        var device = Formatted();
        Commit(Recover(device, 1).Journal, 7, 1, [1]);

        Recover(device, 2);

        Recover(device, 3).Recovery.Changes.Single().ToArray().ShouldBe([1]);
    }

    [Fact]
    public void A_checkpoint_replaces_the_changes_by_the_whole_state()
    {
        var device = Formatted();
        var journal = Recover(device, 1).Journal;
        Commit(journal, 7, 1, [1]);
        journal.Checkpoint([5, 5]);
        Commit(journal, 7, 2, [2]);

        var recovery = Recover(device, 2).Recovery;

        recovery.CheckpointState.ToArray().ShouldBe([5, 5]);
        recovery.Changes.Single().ToArray().ShouldBe([2]);
    }

    [Fact]
    public void An_older_epoch_is_refused_and_nothing_is_written()
    {
        var device = Formatted();
        Commit(Recover(device, 5).Journal, 7, 1, [1]);
        var recorded = new RecordingBlockDevice(device);

        var refusal = Should.Throw<NtfsRefusedException>(() => RedoJournal.Recover(recorded, s_extent, new Epoch(4), JournalControls.All));

        refusal.Message.ShouldContain("epoch 5");
        recorded.Log.ShouldBeEmpty();
    }

    [Fact]
    public void A_volume_that_another_program_changed_is_refused()
    {
        var device = Formatted();
        Commit(Recover(device, 1).Journal, 7, 1, [1]);
        var sector = new byte[512];
        sector[3] = 1;
        device.Write(new LunByteOffset(512), sector);

        Should.Throw<NtfsRefusedException>(() => Recover(device, 2)).Message.ShouldContain("Another program");
    }

    [Fact]
    public void A_guarded_sector_that_a_record_changed_is_no_strangers_work()
    {
        var device = Formatted();
        var before = device.Snapshot();
        var journal = Recover(device, 1, JournalControls.All with { PagesWaitMax = 0 }).Journal;
        Commit(journal, 0, 77, [1]);
        journal.WriteBackStep();
        Fill(device, 0).ShouldBe((byte)77);

        // The record is stable, of its page only the guarded sector was not written yet.
        var page = new byte[4096];
        before.Read(default, page);
        device.Write(new LunByteOffset(512), page.AsSpan(512, 512));

        Recover(device, 2);
        Fill(device, 0).ShouldBe((byte)77);
    }

    [Fact]
    public void A_damaged_newest_superblock_is_noticed()
    {
        var device = Formatted();
        var journal = Recover(device, 1).Journal;
        Commit(journal, 7, 1, [1]);
        Commit(journal, 7, 2, [2]);
        WipePage(device, s_extent.Start);

        Should.Throw<NtfsRefusedException>(() => Recover(device, 2)).Message.ShouldContain("superblock");
    }

    [Fact]
    public void Records_of_an_older_lap_do_not_count_and_without_the_chain_they_would()
    {
        var device = Formatted();
        var journal = Recover(device, 1).Journal;
        Commit(journal, 7, 1, [1]);
        Commit(journal, 8, 1, [1]);
        journal.Checkpoint([1]);
        Commit(journal, 8, 2, [2]);
        var crashed = device.Snapshot();

        Recover(device, 2).Recovery.Changes.Count.ShouldBe(1);
        Fill(device, 8).ShouldBe((byte)2);

        var without = JournalControls.All with { VerifyChain = false };
        RedoJournal.Recover(crashed, s_extent, new Epoch(2), without).Recovery.Changes.Count.ShouldBe(2);
        Fill(crashed, 8).ShouldBe((byte)1);
    }

    [Fact]
    public void A_full_ring_turns_by_itself_and_keeps_the_states()
    {
        var device = Formatted();
        var journal = Recover(device, 1).Journal;
        for (var commit = 0; commit < 500; commit++)
        {
            Commit(journal, 7 + (commit % 3), (byte)commit, [(byte)commit]);
        }

        var recovery = Recover(device, 2).Recovery;

        recovery.Changes.Select(change => (int)change.Span[0]).ShouldBe(Enumerable.Range(0, 500).Select(commit => commit & 0xFF));
        Fill(device, 7 + (499 % 3)).ShouldBe((byte)(499 & 0xFF));
    }

    [Fact]
    public void A_commit_larger_than_the_journal_ends_the_process()
    {
        var journal = Recover(Formatted(), 1).Journal;
        var pages = Enumerable.Range(1000, 300).Select(page => (long)page).ToArray();

        Should.Throw<InvariantBrokenException>(() => journal.Commit(pages, _ => new byte[4096], [])).Message.ShouldContain("300 pages");
    }

    [Fact]
    public void A_caller_state_that_fills_its_room_is_told_in_time()
    {
        var journal = Recover(Formatted(), 1).Journal;
        journal.Use.ShouldBeLessThan(0.01);

        journal.Commit([], _ => [], new byte[100_000]);

        journal.Use.ShouldBeGreaterThan(0.7);
        Should.Throw<InvariantBrokenException>(() => journal.Commit([], _ => [], new byte[100_000])).Message.ShouldContain("checkpoint");
    }

    private static SnapshotDevice Formatted()
    {
        var device = new SnapshotDevice(ByteCount.FromMebibytes(8));
        RedoJournal.Format(device, s_extent, new Epoch(0), [new LunByteOffset(512)], [9]);
        return device;
    }

    private static (RedoJournal Journal, JournalRecovery Recovery) Recover(
        SnapshotDevice device, long epoch, JournalControls? controls = null) =>
        RedoJournal.Recover(device, s_extent, new Epoch(epoch), controls ?? JournalControls.All);

    private static void Commit(RedoJournal journal, long page, byte fill, byte[] state) =>
        journal.Commit([page], _ => [.. Enumerable.Repeat(fill, 4096)], state);

    private static void Wipe(SnapshotDevice device, long page) => WipePage(device, new LunByteOffset(page * 4096));

    private static void WipePage(SnapshotDevice device, LunByteOffset place) => device.Write(place, new byte[4096]);

    private static byte Fill(SnapshotDevice device, long page)
    {
        var content = new byte[4096];
        device.Read(new LunByteOffset(page * 4096), content);
        content.ShouldAllBe(single => single == content[0]);
        return content[0];
    }
}
