namespace Covol.Lun;

/// <summary>
/// A LUN that a data path ring may submit to by descriptor. Around each submission the ring enters and leaves the gate: that is
/// where the reservation is checked and where a fence finds the I/O it has to wait for (SAFETY 8).
/// </summary>
public interface IRingTarget
{
    /// <summary>Descriptor opened O_DIRECT, owned by the device; it stays open as long as the device lives.</summary>
    int Descriptor { get; }

    /// <summary>Byte on the descriptor at which the LUN's byte 0 lies.</summary>
    long DescriptorOffset { get; }

    /// <summary>
    /// Whether nothing of a write that ended with an error can land any more. False for a LUN behind a path: one that failed by time-out, or
    /// with its path, may still be on its way, and is over only when the key that it was submitted under is fenced and drained (SAFETY 3, 9).
    /// </summary>
    bool FailedWritesAreOver { get; }

    /// <summary>
    /// Counts one I/O in flight. False: the key was preempted, nothing was counted, and nothing may be submitted. Never blocks,
    /// never allocates; any thread.
    /// </summary>
    bool TryEnter();

    /// <summary>One I/O ended: exactly once after each successful <see cref="TryEnter"/>, when the kernel has completed it.</summary>
    void Leave();
}
