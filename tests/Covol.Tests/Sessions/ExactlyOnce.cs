using Covol.Protocol.Sessions;
using Shouldly;
using Xunit;

namespace Covol.Tests.Sessions;

/// <summary>What becomes of requests that come again, too early, too late, after a crash. See <see cref="SessionWorld"/> for the words.</summary>
public sealed class ExactlyOnce
{
    [Fact]
    public void A_request_sent_again_is_answered_and_not_done_twice() => Holds(
        """
        open 1 100 -> session 1
        create 1 0 1 -> done 1
        create 1 0 1 -> replayed 1
        create 1 0 2 -> done 2
        create 1 1 1 -> done 3
        create 1 0 2 -> replayed 2
        """);

    [Fact]
    public void It_is_not_done_twice_after_a_restart_either() => Holds(
        """
        open 1 100 -> session 1
        create 1 0 1 -> done 1
        restart -> 1 sessions
        create 1 0 1 -> replayed 1
        create 1 0 2 -> done 2
        """);

    [Fact]
    public void Nor_after_a_checkpoint_and_a_restart() => Holds(
        """
        open 1 100 -> session 1
        create 1 0 1 -> done 1
        create 1 0 2 -> done 2
        checkpoint -> 1 sessions
        create 1 1 1 -> done 3
        restart -> 1 sessions
        create 1 0 2 -> replayed 2
        create 1 1 1 -> replayed 3
        create 1 0 1 -> refused: session 1 slot 0 sequence 1 is old: the slot is at 2.
        """);

    [Fact]
    public void The_control_a_table_that_forgets_answers_does_things_twice() => SessionWorld.Play(
        """
        open 1 100
        create 1 0 1
        create 1 0 1
        restart
        create 1 0 1
        """,
        new SessionLimits { KeepsAnswers = false }).ShouldBe(
        """
        open 1 100 -> session 1
        create 1 0 1 -> done 1
        create 1 0 1 -> done 2
        restart -> 1 sessions
        create 1 0 1 -> done 3
        """);

    [Fact]
    public void Old_and_skipping_sequences_are_refused() => Holds(
        """
        open 1 100 -> session 1
        create 1 0 2 -> refused: session 1 slot 0 sequence 2 skips: the slot is at 0.
        create 1 0 0 -> refused: session 1 slot 0 sequence 0 is old: the slot is at 0.
        create 1 0 1 -> done 1
        create 1 0 2 -> done 2
        create 1 0 1 -> refused: session 1 slot 0 sequence 1 is old: the slot is at 2.
        create 1 0 4 -> refused: session 1 slot 0 sequence 4 skips: the slot is at 2.
        """);

    [Fact]
    public void One_request_a_slot_at_a_time() => Holds(
        """
        open 1 100 -> session 1
        begin 1 0 1 -> begun
        create 1 0 1 -> in progress
        create 1 0 2 -> refused: session 1 slot 0 sequence 2 came while the slot's sequence 1 is being carried out.
        create 1 1 1 -> done 1
        """);

    [Fact]
    public void A_read_is_done_again_and_a_lock_is_not() => Holds(
        """
        open 1 100 -> session 1
        read 1 0 1 -> done 0
        lock 1 1 1 -> done 0
        create 1 2 1 -> done 1
        read 1 0 1 -> done 1
        lock 1 1 1 -> replayed 0
        create 1 0 1 -> refused: A Create came under the id of an older, different request.
        """);

    [Fact]
    public void After_a_restart_a_slot_goes_on_behind_what_was_never_journalled() => Holds(
        """
        open 1 100 -> session 1
        create 1 0 1 -> done 1
        read 1 0 2 -> done 1
        read 1 0 3 -> done 1
        restart -> 1 sessions
        # sequence 4 was on its way when the coordinator died
        create 1 0 4 -> done 2
        create 1 0 6 -> refused: session 1 slot 0 sequence 6 skips: the slot is at 4.
        """);

    [Fact]
    public void A_checkpoint_keeps_out_what_is_older_than_a_read() => Holds(
        """
        open 1 100 -> session 1
        create 1 0 1 -> done 1
        create 1 0 2 -> done 2
        read 1 0 3 -> done 2
        checkpoint -> 1 sessions
        restart -> 1 sessions
        create 1 0 1 -> refused: session 1 slot 0 sequence 1 is old: the slot is at 2.
        create 1 0 2 -> refused: A Create came under the id of an older, different request.
        read 1 0 3 -> done 2
        """);

    [Fact]
    public void Only_what_gives_back_may_use_a_reserved_slot() => Holds(
        """
        open 1 100 -> session 1
        create 1 4 1 -> refused: Create has no right to the reserved slot 4.
        return 1 4 1 -> done 0
        return 1 6 1 -> refused: session 1 has 6 slots, not a slot 6.
        """);

    [Fact]
    public void A_session_survives_a_restart_and_is_resumed_by_its_own_mount_only() => Holds(
        """
        open 1 100 -> session 1
        create 1 0 1 -> done 1
        restart -> 1 sessions
        open 1 100 resume 1 -> session 1
        open 2 100 resume 1 -> refused: session 1 belongs to another mount, on node1.
        open 1 100 resume 7 -> refused: session 7 ended or never existed.
        create 1 0 1 -> replayed 1
        """);

    [Fact]
    public void A_session_that_ended_stays_ended_and_its_number_is_not_used_again() => Holds(
        """
        open 1 100 -> session 1
        open 2 200 -> session 2
        create 2 0 1 -> done 1
        end 2 -> ended
        create 2 0 1 -> refused: session 2 does not exist here.
        restart -> 1 sessions
        create 2 0 1 -> refused: session 2 does not exist here.
        open 2 200 -> session 3
        end 3 -> ended
        checkpoint -> 1 sessions
        restart -> 1 sessions
        open 2 200 -> session 4
        """);

    [Fact]
    public void A_lost_answer_to_opening_gives_the_same_session_and_a_new_life_of_the_mount_another() => Holds(
        """
        open 1 100 -> session 1
        open 1 100 -> session 1
        create 1 0 1 -> done 1
        open 1 100 -> session 2 replaces session 1
        create 1 0 2 -> refused: session 1 does not exist here.
        restart -> 1 sessions
        create 2 0 1 -> done 2
        """);

    [Fact]
    public void There_is_a_limit_to_sessions() => Holds(
        """
        open 1 100 -> session 1
        open 2 200 -> session 2
        open 3 300 -> session 3
        open 4 400 -> refused: 3 sessions are open already.
        """);

    private static void Holds(string scenario) => SessionWorld.Play(scenario).ShouldBe(scenario.ReplaceLineEndings("\n"));
}
