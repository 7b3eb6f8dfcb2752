namespace Covol.VolumeClient;

/// <summary>Which slots a request may use, and how long it waits.</summary>
internal enum Urgency
{
    /// <summary>Any request of a program: ordinary slots, up to the wait limit.</summary>
    Ordinary,

    /// <summary>What a recall must not wait behind: reserved slots, up to the wait limit.</summary>
    Reserved,

    /// <summary>Returns, unlocks and closes: reserved slots, until it is answered or the session ends.</summary>
    Return,

    /// <summary>
    /// Layouts that go back and what was written in tails: as <see cref="Return"/>, but already while what was given up is being settled.
    /// The coordinator may carry out just that, and wait for this meanwhile (SAFETY 22).
    /// </summary>
    Layout,

    /// <summary>
    /// Locks: ordinary slots, up to the wait limit until it was sent for the first time, from then on until it is answered or the session
    /// ends. Given up later, it might be taken for a program that was told it is not, and never be given back.
    /// </summary>
    Lock,
}
