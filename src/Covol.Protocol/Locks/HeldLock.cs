using Covol.Protocol.Ids;

namespace Covol.Protocol.Locks;

/// <summary>A lock as its holder remembers it, for reclaim after a takeover.</summary>
/// <param name="Owner">Who holds it within the session.</param>
/// <param name="ProcessId">The process that took it, for <c>F_GETLK</c> on the same node.</param>
/// <param name="Kind">Which lock space.</param>
/// <param name="Mode">Shared or exclusive.</param>
/// <param name="Range">Which bytes.</param>
public sealed record HeldLock(LockOwner Owner, int ProcessId, LockKind Kind, LockMode Mode, LockRange Range);
