namespace Covol.VolumeClient;

/// <summary>Which slots a request may use, and how long it waits.</summary>
internal enum Urgency
{
    /// <summary>Any request of a program: ordinary slots, up to the wait limit.</summary>
    Ordinary,

    /// <summary>Unlocks and what a recall must not wait behind: reserved slots, up to the wait limit.</summary>
    Reserved,

    /// <summary>Returns and closes: reserved slots, until it is answered or the session ends.</summary>
    Return,
}
