using Covol.Protocol.Ids;
using Covol.Protocol.Locks;
using Shouldly;
using Xunit;

namespace Covol.Tests.Locks;

public sealed class LockScenarios
{
    [Fact]
    public void Readers_share_and_writers_do_not() => Holds("""
        set 1.7 read 0-9 → taken
        set 2.7 read 5-20 → taken
        set 3.7 write 9-9 → refused LockConflict
        test 3.7 write 9-9 → held by 7 read 0-9
        test 3.7 read 9-9 → free
        set 3.7 write 21-end → taken
        # The same owner number in another session is somebody else.
        set 1.7 read 100-100 → refused LockConflict
        """);

    [Fact]
    public void A_holders_new_lock_replaces_its_old_one_byte_by_byte() => Holds("""
        set 1.7 write 0-99 → taken
        set 1.7 unlock 40-59 → taken
        test 2.8 write 40-59 → free
        test 2.8 write 39-39 → held by 7 write 0-39
        test 2.8 write 60-60 → held by 7 write 60-99
        # In the middle of a write lock a read lock leaves two write locks.
        set 1.7 read 10-19 → taken
        test 2.8 read 10-19 → free
        test 2.8 read 9-9 → held by 7 write 0-9
        test 2.8 read 20-20 → held by 7 write 20-39
        # What is filled up again is one lock.
        set 1.7 write 10-59 → taken
        test 2.8 read 50-50 → held by 7 write 0-99
        """);

    [Fact]
    public void Waiters_are_served_in_their_order() => Holds("""
        set 1.7 write 0-9 → taken
        set 2.8 write 0-4 wait → waits 1
        set 3.9 read 0-9 wait → waits 2
        set 4.1 write 5-9 wait → waits 3
        set 1.7 unlock 0-9 → taken, 2 gets 1, 4 gets 3
        set 2.8 unlock 0-4 → taken
        set 4.1 unlock 5-9 → taken, 3 gets 2
        """);

    [Fact]
    public void A_waiter_can_be_taken_out() => Holds("""
        set 1.7 write 0-9 → taken
        set 2.8 write 0-9 wait → waits 1
        cancel 2 1 → 2 gives up Interrupted 1
        cancel 2 1 → nothing
        set 1.7 unlock 0-9 → taken
        test 2.8 write 0-9 → free
        """);

    [Fact]
    public void Sessions_that_wait_for_each_other_are_told() => Holds("""
        set 1.7 write 0-0 → taken
        set 2.8 write 1-1 → taken
        set 3.9 write 2-2 elsewhere → taken
        set 1.7 write 1-1 wait → waits 1
        set 2.8 write 2-2 elsewhere wait → waits 2
        set 3.9 write 0-0 wait → refused Deadlock
        # The same without waiting is only a conflict.
        set 3.9 write 0-0 → refused LockConflict
        """);

    [Fact]
    public void The_flush_of_an_owner_leaves_its_flock_and_others_alone() => Holds("""
        set 1.7 write 0-9 → taken
        set 1.8 write 10-19 → taken
        flock 1.7 write → taken
        flush 1.7 → nothing
        test 2.1 write 0-9 → free
        test 2.1 write 10-19 → held by 8 write 10-19
        flock 2.1 read → refused LockConflict
        """);

    [Fact]
    public void A_close_drops_what_was_taken_through_the_handle_whoever_owns_it() => Holds("""
        set 1.7 write 0-9 via 1 → taken
        set 1.8 write 10-19 via 2 → taken
        flock 1.7 write via 1 → taken
        set 1.9 write 10-19 wait via 1 → waits 1
        flock 2.1 write wait → waits 2
        close 1 via 1 → 1 gives up Interrupted 1, 2 gets 2
        test 2.1 write 0-9 → free
        test 2.1 write 10-19 → held by 8 write 10-19
        """);

    [Fact]
    public void Flocks_and_ranges_do_not_see_each_other() => Holds("""
        flock 1.7 write → taken
        set 2.8 write 0-end → taken
        flock 2.8 read → refused LockConflict
        """);

    [Fact]
    public void A_flock_gives_its_old_mode_up_before_it_asks_for_the_new_one() => Holds("""
        flock 1.7 read → taken
        flock 2.8 read → taken
        flock 2.8 write → refused LockConflict
        # As on Linux, the one that was refused holds nothing now.
        flock 1.7 write → taken
        """);

    [Fact]
    public void The_end_of_a_session_lets_waiters_in() => Holds("""
        set 1.7 write 0-9 → taken
        set 2.8 write 0-9 wait → waits 1
        set 3.9 write 0-9 wait → waits 2
        end 2 → 2 gives up Interrupted 1
        end 1 → 3 gets 2
        """);

    [Fact]
    public void Reclaimed_locks_stand_in_the_way_and_cannot_be_reclaimed_twice() => Holds("""
        reclaim 1.7 write 0-9 → taken
        reclaim 2.8 read 5-5 → refused ReclaimRefused
        set 2.8 read 5-5 → refused LockConflict
        """);

    [Fact]
    public void A_second_QEMU_on_another_node_cannot_open_the_image_until_the_first_hands_over() => Holds("""
        # The source: reads 100+i "I use permission i", reads 200+i "others must not have i", then tests as a writer.
        set 1.7 read 100-100 → taken
        set 1.7 read 101-101 → taken
        set 1.7 read 201-201 → taken
        test 1.7 write 200-200 → free
        test 1.7 write 201-201 → free
        test 1.7 write 101-101 → free
        # A second writer: its own locks are granted, its tests tell it that somebody else writes.
        set 2.8 read 101-101 → taken
        test 2.8 write 201-201 → held by 7 read 201-201
        # It gives up: the process ends, and only the close of its handle names the OFD locks.
        close 2 → nothing
        # Handover: the source unlocks, the destination takes the image.
        set 1.7 unlock 100-101 → taken
        set 1.7 unlock 201-201 → taken
        set 3.9 read 100-100 → taken
        set 3.9 read 101-101 → taken
        test 3.9 write 200-200 → free
        test 3.9 write 201-201 → free
        set 3.9 read 201-201 → taken
        """);

    [Fact]
    public void A_range_that_ends_before_it_begins_is_refused() => Holds("""
        set 1.7 write 9-3 → refused InvalidArgument
        """);

    [Fact]
    public void The_queue_of_a_file_is_bounded()
    {
        var machine = new LockMachine(0);
        var file = new FileId(new FileReference(64, 1), 1);
        var effects = new List<LockEffect>();
        for (var session = 0; session <= LockMachine.WaitersPerFileMax + 1; session++)
        {
            effects.Clear();
            var wanted = new HeldLock(new LockOwner(1), 1, LockKind.Flock, LockMode.Exclusive, LockRange.All);
            machine.Step(new LockInput.Set(new SessionId(session), file, new HandleId(1), wanted, Wait: true), effects);
        }

        effects.ShouldHaveSingleItem().ShouldBeOfType<LockEffect.Refused>().Error.ShouldBe(Protocol.Volume.VolumeError.Busy);
    }

    private static void Holds(string scenario) => LockScenario.Run(scenario).ShouldBe(scenario);
}
