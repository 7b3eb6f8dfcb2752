using Covol.Protocol.Ids;
using Covol.Protocol.Units;

namespace Covol.Protocol.Layouts;

/// <summary>What the machine keeps.</summary>
public sealed partial class LayoutMachine
{
    private enum Fence
    {
        None,
        Running,
        Done,
    }

    private sealed class Holder(ReservationKey dataKey, Moment leaseEnds)
    {
        public ReservationKey DataKey { get; set; } = dataKey;

        public Moment LeaseEnds { get; set; } = leaseEnds;

        public Fence Fence { get; set; }

        public string FenceReason { get; set; } = "";

        public Moment? FenceRetryAt { get; set; }

        public bool MayHoldUnknown { get; set; }

        public bool Evicted { get; set; }

        /// <summary>It has a new key already, but the old life's lease still runs.</summary>
        public bool Rejoined { get; set; }

        public HashSet<FileId> Files { get; } = [];
    }

    private sealed record Grant(SessionId Session, LayoutGeneration Generation, LayoutAccess Access);

    private sealed class PendingRecall(FileId file, RecallScope scope, long ticket, Moment deadline, Moment nextNotice)
    {
        public FileId File { get; } = file;

        public RecallScope Scope { get; } = scope;

        public long Ticket { get; } = ticket;

        public Moment Deadline { get; } = deadline;

        public Moment NextNotice { get; set; } = nextNotice;

        public bool DeadlinePassed { get; set; }
    }

    private sealed class Heat(Moment since)
    {
        public Moment Since { get; set; } = since;

        public int Conflicts { get; set; }

        public Moment RedirectedUntil { get; set; } = since;
    }
}
