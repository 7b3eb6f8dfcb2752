using Covol.Protocol.Volume;

namespace Covol.Protocol.Sessions;

/// <summary>One slot at the coordinator.</summary>
internal struct SessionSlot
{
    /// <summary>The last request that began; 0: none yet.</summary>
    public long LastSequence;

    /// <summary>It is being carried out.</summary>
    public bool InProgress;

    /// <summary>
    /// The slot came from the journal, which knows only requests that changed something: the client may have gone on with
    /// others. The first request may be any later one: nothing of what lies between took effect without being journalled.
    /// </summary>
    public bool MaySkip;

    /// <summary>The answer is in the journal: it goes into checkpoints.</summary>
    public bool IsJournalled;

    /// <summary>What was answered, where it is kept.</summary>
    public VolumeReply? Answer;
}
