namespace Covol.Protocol.Sessions;

/// <summary>What sending a request again must do.</summary>
public enum RequestNature
{
    /// <summary>It reads, or doing it twice is doing it once: carried out again, its answer is not kept.</summary>
    Repeatable,

    /// <summary>
    /// Its answer is kept as long as the process lives. What it changed does not outlive a coordinator (locks and layouts are
    /// reclaimed), or it is harmless to do again after a takeover.
    /// </summary>
    Once,

    /// <summary>It changes the volume: its answer is in the commit that carried it out, and in every checkpoint after (SAFETY 16).</summary>
    OnceJournalled,
}
