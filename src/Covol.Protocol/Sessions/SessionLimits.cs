namespace Covol.Protocol.Sessions;

/// <summary>How much a coordinator keeps for its sessions.</summary>
public sealed record SessionLimits
{
    public static SessionLimits Default { get; } = new();

    /// <summary>Ordinary slots of a session at most.</summary>
    public int SlotCountMax { get; init; } = 256;

    /// <summary>Slots beyond the ordinary ones for what gives back (SAFETY 22).</summary>
    public int ReservedSlotCount { get; init; } = 32;

    /// <summary>Sessions of a volume: one a node and mount, some that are about to end.</summary>
    public int SessionsMax { get; init; } = 128;

    /// <summary>Bytes of one journalled answer.</summary>
    public int AnswerLengthMax { get; init; } = 8 * 1024;

    /// <summary>Off only in a test, to show that requests happen twice without it.</summary>
    public bool KeepsAnswers { get; init; } = true;
}
