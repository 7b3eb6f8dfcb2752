using Covol.Protocol.Volume;

namespace Covol.Protocol.Sessions;

/// <summary>What to do with a request that arrived. The set is closed.</summary>
public abstract record SlotOutcome
{
    private protected SlotOutcome()
    {
    }
}

/// <summary>Carry it out, then <see cref="SessionTable.Complete"/>.</summary>
public sealed record Execute : SlotOutcome
{
    public static Execute Instance { get; } = new();
}

/// <summary>It was carried out before: answer this.</summary>
public sealed record Replay(VolumeReply Answer) : SlotOutcome;

/// <summary>It is being carried out right now: the answer goes to whoever asked last.</summary>
public sealed record InProgress : SlotOutcome
{
    public static InProgress Instance { get; } = new();
}

/// <summary>Answer <see cref="Refused"/> with this.</summary>
public sealed record Refuse(VolumeError Error, string Why) : SlotOutcome;
