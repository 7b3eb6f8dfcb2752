using Covol.Coordinator.Data;
using Covol.Protocol.Volume;
using Covol.Transport;

namespace Covol.Coordinator.Sessions;

/// <summary>One of a session's places for requests: holds at most one at a time and remembers the answer to its last.</summary>
internal sealed class Slot
{
    /// <summary>Sequence of the last request that was answered here; -1 before the first.</summary>
    public long LastSequence { get; set; } = -1;

    /// <summary>Null where carrying the last request out again does the same (reads), or is asked for (grace).</summary>
    public VolumeReply? LastReply { get; set; }

    public long RunningSequence { get; set; }

    /// <summary>The request that is being carried out; sent again over a new connection, it gets this same answer.</summary>
    public Task<VolumeAnswer>? Running { get; set; }

    /// <summary>The redirected write that runs in this slot.</summary>
    public RunningWrite? Write { get; set; }

    /// <summary>Where the append with this sequence was placed by an earlier life of the coordinator.</summary>
    public (long Sequence, long Offset)? PlacedAppend { get; set; }
}
