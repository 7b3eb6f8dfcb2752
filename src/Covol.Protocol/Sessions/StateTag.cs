namespace Covol.Protocol.Sessions;

/// <summary>
/// What a section of the coordinator's journalled state is about. The values are on disk: none is used twice or given another
/// meaning. Each machine applies its own sections and passes over the others'.
/// </summary>
public enum StateTag : ushort
{
    /// <summary>Checkpoint: the next session's number.</summary>
    NextSession = 1,

    /// <summary>A session exists, or has another data key than before.</summary>
    Session = 2,

    /// <summary>A session is gone with all it had.</summary>
    SessionEnded = 3,

    /// <summary>The answer to a slot's last request.</summary>
    SlotAnswer = 4,

    /// <summary>Checkpoint: of each slot, the sequence number below which nothing is taken any more.</summary>
    SlotFloors = 5,

    // From here on the coordinator's own: opens, orphans, dead incarnations.
    FirstOfCoordinator = 100,
}
