namespace Covol.Ntfs;

/// <summary>The caller's own state as the journal kept it: the last checkpoint's whole state and every change committed since,
/// in order.</summary>
public sealed record JournalRecovery(ReadOnlyMemory<byte> CheckpointState, IReadOnlyList<ReadOnlyMemory<byte>> Changes);
