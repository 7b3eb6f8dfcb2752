using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Units;
using Covol.VolumeClient;
using Shouldly;
using Xunit;

namespace Covol.Tests.VolumeClient;

public sealed class TailWritesTests
{
    private const int Block = 512;
    private const int End = 64 * Block;

    [Fact]
    public void Writes_that_touch_are_told_as_one()
    {
        var tail = Tail(valid: 0);
        Write(tail, 0);
        Write(tail, 2 * Block);
        Write(tail, Block);

        Told(tail).ShouldBe([Range(0, 3 * Block)]);
        tail.Readable.ShouldBe(3 * Block);
    }

    [Fact]
    public void What_lies_behind_a_gap_is_told_and_not_read_here()
    {
        var tail = Tail(valid: 0);
        Write(tail, 0);
        Write(tail, 8 * Block);

        tail.Readable.ShouldBe(Block);
        Told(tail).ShouldBe([Range(0, Block), Range(8 * Block, 9 * Block)]);
        tail.Readable.ShouldBe(9 * Block);
        tail.IsAllTold.ShouldBeTrue();
    }

    [Fact]
    public void A_write_that_failed_is_not_told()
    {
        var tail = Tail(valid: 0);
        tail.TryBegin(0, Block).ShouldBeTrue();
        tail.Ended(0, Block, succeeded: false);

        Told(tail).ShouldBeEmpty();
        tail.Readable.ShouldBe(0);
    }

    [Fact]
    public void The_block_that_valid_length_ends_in_is_not_written_here()
    {
        var tail = Tail(valid: 700);

        tail.TryBegin(Block, Block).ShouldBeFalse();
        tail.TryBegin(2 * Block, Block).ShouldBeTrue();
        tail.Ended(2 * Block, Block, succeeded: true);

        tail.Readable.ShouldBe(700);
    }

    [Fact]
    public void Nothing_is_written_past_its_end()
    {
        var tail = Tail(valid: 0);

        tail.TryBegin(End - Block, 2 * Block).ShouldBeFalse();
        tail.TryBegin(End - Block, Block).ShouldBeTrue();
    }

    [Fact]
    public async Task Who_tells_waits_for_writes_in_flight_and_new_ones_wait_for_him()
    {
        var tail = Tail(valid: 0);
        tail.TryBegin(0, Block).ShouldBeTrue();

        var stopped = tail.StopAsync();
        stopped.IsCompleted.ShouldBeFalse();
        tail.TryBegin(Block, Block).ShouldBeFalse();
        var pause = tail.Pause(Block, Block).ShouldNotBeNull();
        tail.Ended(0, Block, succeeded: true);

        await stopped.WaitAsync(TimeSpan.FromSeconds(5));
        tail.Written().ShouldBe([Range(0, Block)]);
        tail.Told();
        pause.IsCompleted.ShouldBeFalse();
        tail.GoOn();
        await pause.WaitAsync(TimeSpan.FromSeconds(5));
        tail.TryBegin(Block, Block).ShouldBeTrue();
    }

    [Fact]
    public void What_is_lost_is_never_told_and_nothing_more_is_written()
    {
        var tail = Tail(valid: 0);
        Write(tail, 0);

        tail.Lose().ShouldBeTrue();

        Told(tail).ShouldBeEmpty();
        tail.Readable.ShouldBe(0);
        tail.TryBegin(0, Block).ShouldBeFalse();
        tail.IsAllTold.ShouldBeFalse();
    }

    [Fact]
    public void A_tail_that_holds_nothing_loses_nothing() => Tail(valid: 0).Lose().ShouldBeFalse();

    [Fact]
    public void Too_many_pieces_go_through_the_coordinator()
    {
        var tail = new TailWrites(Layout(0, Block * 1_000), Block);
        for (var piece = 0; piece < TailWrites.RangesMax; piece++)
        {
            Write(tail, piece * 2 * Block);
        }

        tail.TryBegin(900 * Block, Block).ShouldBeFalse();
        Told(tail).Length.ShouldBe(TailWrites.RangesMax);
        tail.TryBegin(900 * Block, Block).ShouldBeTrue();
    }

    [Fact]
    public void Random_writes_are_told_as_the_union_of_them()
    {
        var random = new Random(5);
        for (var round = 0; round < 200; round++)
        {
            var tail = Tail(valid: 0);
            var blocks = new bool[64];
            for (var write = 0; write < 20; write++)
            {
                var at = random.Next(60);
                var count = random.Next(1, 4);
                Write(tail, at * Block, count * Block);
                Array.Fill(blocks, true, at, count);
            }

            var told = Told(tail);
            for (var block = 0; block < 64; block++)
            {
                told.Count(range => range.Start.Value <= block * Block && block * Block < range.End.Value).ShouldBe(blocks[block] ? 1 : 0);
            }

            told.Zip(told.Skip(1)).ShouldAllBe(pair => pair.First.End < pair.Second.Start);
        }
    }

    [Fact]
    public void An_ask_that_comes_while_another_is_answered_is_answered_after_it()
    {
        var tail = Tail(valid: 0);

        tail.TryBeginAnswers(3).ShouldBeTrue();
        tail.NextAsked(0).ShouldBe(3);
        tail.TryBeginAnswers(5).ShouldBeFalse();
        tail.NextAsked(3).ShouldBe(5);
        tail.NextAsked(5).ShouldBeNull();
        tail.TryBeginAnswers(5).ShouldBeTrue();
    }

    [Fact]
    public void A_tail_that_held_nothing_when_it_was_lost_takes_no_write_that_comes_late()
    {
        var tail = Tail(valid: 0);

        tail.Lose().ShouldBeFalse();

        tail.TryBegin(0, Block).ShouldBeFalse("Its session is over, and nobody would tell the program.");
        tail.Pause(0, Block).ShouldBeNull();
        tail.IsLost.ShouldBeFalse();
    }

    private static TailWrites Tail(long valid) => new(Layout(valid, End), Block);

    private static Layout Layout(long valid, long end) => new(
        new FileId(new FileReference(64, 1), 1), new LayoutGeneration(1), LayoutAccess.ReadWrite, [], new ByteCount(valid))
    {
        TailEnd = new FileByteOffset(end),
    };

    private static WrittenRange Range(long start, long end) => new(new FileByteOffset(start), new FileByteOffset(end));

    private static void Write(TailWrites tail, long offset, int length = Block)
    {
        tail.TryBegin(offset, length).ShouldBeTrue();
        tail.Ended(offset, length, succeeded: true);
    }

    private static WrittenRange[] Told(TailWrites tail)
    {
        tail.StopAsync().IsCompleted.ShouldBeTrue();
        var written = tail.Written();
        tail.Told();
        tail.GoOn();
        return written;
    }
}
