using Covol.Protocol.Ids;
using Covol.Protocol.Locks;
using Covol.VolumeClient;
using Shouldly;
using Xunit;

namespace Covol.Tests.VolumeClient;

public sealed class LockLedgerTests
{
    private static readonly HandleId s_first = new(1);
    private static readonly HandleId s_second = new(2);
    private readonly LockLedger _ledger = new();

    [Fact]
    public void An_unlock_in_the_middle_leaves_both_ends()
    {
        _ledger.Granted(s_first, Range(0, 99, LockMode.Exclusive));

        _ledger.Granted(s_first, Range(40, 59, LockMode.Unlock));

        _ledger.Of(s_first).Select(held => held.Range).ShouldBe([new(0, 39), new(60, 99)], ignoreOrder: true);
    }

    [Fact]
    public void A_newer_lock_of_an_owner_replaces_the_older_one_through_any_handle()
    {
        _ledger.Granted(s_first, Range(0, 99, LockMode.Exclusive));

        _ledger.Granted(s_second, Range(0, long.MaxValue, LockMode.Shared));

        _ledger.Of(s_first).ShouldBeEmpty();
        _ledger.Of(s_second).ShouldHaveSingleItem().Mode.ShouldBe(LockMode.Shared);
    }

    [Fact]
    public void Owners_and_lock_spaces_do_not_touch_each_other()
    {
        _ledger.Granted(s_first, Range(0, 9, LockMode.Shared));
        _ledger.Granted(s_first, Range(0, 9, LockMode.Shared) with { Owner = new LockOwner(8) });
        _ledger.Granted(s_first, new HeldLock(new LockOwner(7), 1, LockKind.Flock, LockMode.Exclusive, LockRange.All));

        _ledger.OwnerReleased(new LockOwner(7));

        _ledger.Count.ShouldBe(2);
        _ledger.Holds(new LockOwner(7), LockKind.Range).ShouldBeFalse();
        _ledger.Holds(new LockOwner(7), LockKind.Flock).ShouldBeTrue();
    }

    [Fact]
    public void A_closed_handle_takes_its_locks_along()
    {
        _ledger.Granted(s_first, Range(0, 9, LockMode.Shared));
        _ledger.Granted(s_second, Range(20, 29, LockMode.Shared));

        _ledger.HandleClosed(s_first);

        _ledger.Count.ShouldBe(1);
    }

    private static HeldLock Range(long first, long last, LockMode mode) =>
        new(new LockOwner(7), 1, LockKind.Range, mode, new LockRange(first, last));
}
