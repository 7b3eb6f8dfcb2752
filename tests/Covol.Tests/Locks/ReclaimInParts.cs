using Covol.Protocol.Ids;
using Covol.Protocol.Locks;
using Covol.Protocol.Volume;
using Shouldly;
using Xunit;

namespace Covol.Tests.Locks;

/// <summary>A handle's locks come back in several messages, and one of them may come twice.</summary>
public sealed class ReclaimInParts
{
    private static readonly FileId s_file = new(new FileReference(70, 1), 7);
    private static readonly SessionId s_session = new(1);
    private static readonly HandleId s_handle = new(1);

    [Fact]
    public void A_further_part_adds_its_locks()
    {
        var machine = new LockMachine(0);

        Reclaim(machine, Locks(0, 1_000)).ShouldBeOfType<LockEffect.Taken>();
        Reclaim(machine, Locks(1_000, 500)).ShouldBeOfType<LockEffect.Taken>();

        machine.Count.ShouldBe(1_500);
    }

    [Fact]
    public void As_many_locks_as_a_file_may_have_can_be_reclaimed_twice()
    {
        var machine = new LockMachine(0);
        var all = Locks(0, LockMachine.LocksPerFileMax);

        Reclaim(machine, all).ShouldBeOfType<LockEffect.Taken>();
        Reclaim(machine, all[..1_000]).ShouldBeOfType<LockEffect.Taken>();

        machine.Count.ShouldBe(LockMachine.LocksPerFileMax);
        Reclaim(machine, Locks(LockMachine.LocksPerFileMax, 1)).ShouldBeOfType<LockEffect.Refused>()
            .Error.ShouldBe(VolumeError.ReclaimRefused);
    }

    /// <summary>With gaps, since neighbours of one owner are one lock.</summary>
    private static HeldLock[] Locks(int first, int count) =>
    [
        .. Enumerable.Range(first, count).Select(number => new HeldLock(
            new LockOwner(7), 100, LockKind.Range, LockMode.Exclusive, new LockRange(number * 10L, (number * 10L) + 4))),
    ];

    private static LockEffect Reclaim(LockMachine machine, IReadOnlyList<HeldLock> locks)
    {
        var effects = new List<LockEffect>();
        machine.Step(new LockInput.Reclaim(s_session, s_file, s_handle, locks), effects);
        return effects.ShouldHaveSingleItem();
    }
}
