using Covol.Lun.Reservations;
using Covol.Protocol;
using Shouldly;
using Xunit;

namespace Covol.Tests.Lun;

public sealed unsafe class ReservationWordTests
{
    private const int FencesTried = 2000;

    [Theory]
    [InlineData(0, SlotState.Free)]
    [InlineData(1, SlotState.Registered)]
    [InlineData(ReservationWord.LifeMax, SlotState.Fenced)]
    public void Its_parts_come_back(long life, object state)
    {
        var word = ReservationWord.Make(life, (SlotState)state);

        ReservationWord.Life(word).ShouldBe(life);
        ReservationWord.State(word).ShouldBe((SlotState)state);
        ReservationWord.InFlight(word).ShouldBe(0);
    }

    [Fact]
    public void Counting_out_of_an_earlier_life_touches_nothing()
    {
        var word = ReservationWord.Make(2, SlotState.Registered);
        ReservationWord.TryEnter(&word, 2).ShouldBeTrue();

        ReservationWord.Leave(&word, 1);
        ReservationWord.TryEnter(&word, 1).ShouldBeFalse();

        ReservationWord.InFlight(word).ShouldBe(1);
    }

    [Fact]
    public void Counting_out_more_than_in_is_a_broken_invariant()
    {
        var word = ReservationWord.Make(2, SlotState.Registered);

        InvariantBrokenException? broken = null;
        try
        {
            ReservationWord.Leave(&word, 2);
        }
        catch (InvariantBrokenException failure)
        {
            broken = failure;
        }

        broken.ShouldNotBeNull();
    }

    [Fact]
    public void No_io_slips_between_the_check_and_the_count() => SlippedThrough(ReservationWord.TryEnter).ShouldBe(0);

    /// <summary>The control: the gate as two steps, check first, is caught by the same trial.</summary>
    [Fact]
    public void A_gate_that_checks_and_then_counts_lets_io_slip_through() =>
        SlippedThrough(CheckThenCount).ShouldBeGreaterThan(0);

    private delegate bool Gate(long* word, long life);

    private static bool CheckThenCount(long* word, long life)
    {
        if (ReservationWord.State(Volatile.Read(ref *word)) != SlotState.Registered)
        {
            return false;
        }

        // The moment a descheduled thread spends here in real life.
        Thread.Yield();
        Interlocked.Increment(ref *word);
        return true;
    }

    /// <summary>How often I/O was in flight after a fencer had taken the key away and had seen the count at zero.</summary>
    private static int SlippedThrough(Gate gate)
    {
        var cells = new long[2];
        var slipped = 0;
        fixed (long* word = &cells[0])
        {
            var shared = (nint)word;
            for (var life = 1; life <= FencesTried && slipped == 0; life++)
            {
                Interlocked.Exchange(ref *word, ReservationWord.Make(life, SlotState.Registered));
                var fenced = 0;
                using var started = new ManualResetEventSlim();
                var thisLife = life;
                var writer = new Thread(() =>
                {
                    var at = (long*)shared;
                    started.Set();
                    while (gate(at, thisLife))
                    {
                        if (Volatile.Read(ref fenced) != 0)
                        {
                            Interlocked.Increment(ref slipped);
                        }

                        ReservationWord.Leave(at, thisLife);
                    }
                });
                writer.Start();
                started.Wait();
                ReservationWord.TryMove(word, life, SlotState.Registered, SlotState.Draining).ShouldBeTrue();
                SpinWait.SpinUntil(() => ReservationWord.InFlight(Volatile.Read(ref *(long*)shared)) == 0);
                Volatile.Write(ref fenced, 1);
                writer.Join();
            }
        }

        return slipped;
    }
}
