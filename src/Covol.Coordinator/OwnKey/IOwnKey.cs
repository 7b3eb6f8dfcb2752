namespace Covol.Coordinator.OwnKey;

/// <summary>
/// Whether the coordinator's own key still rules the LUN: what it asks before each word that tells something (SAFETY 2, 7). A
/// process that slept (SIGSTOP, a pause of its machine) while another coordinator took over must not say what was true before.
/// </summary>
/// <remarks>
/// The question comes after the answer was made and before it leaves. Is the key live then, it was live when the answer was made,
/// and no other coordinator had served by that time: the answer was true between request and answer, however late it arrives.
/// How it is known depends on the LUN: a file LUN counts I/O per key in memory that both coordinators share, so a look is enough
/// (<see cref="CountedOwnKey"/>). A SCSI LUN tells only by a command; there this is a lease, which begins with when a READ KEYS
/// that still showed the key was <em>sent</em>, by a clock that counts suspend (CLOCK_BOOTTIME), and which a successor waits out
/// after its preempt and before it serves.
/// </remarks>
public interface IOwnKey
{
    /// <summary>False for ever after it was false once. Any thread; does not block and does not allocate.</summary>
    bool IsLiveNow { get; }
}
