using Covol.Protocol.Ids;

namespace Covol.Protocol.Locks;

/// <summary>Who holds or waits for a lock, cluster-wide: an owner means nothing outside its session.</summary>
internal readonly record struct LockHolder(SessionId Session, LockOwner Owner);
