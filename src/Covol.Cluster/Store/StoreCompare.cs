using Covol.Protocol.Store;

namespace Covol.Cluster.Store;

/// <summary>A transaction is carried out only if this key was last changed at this revision (0: does not exist).</summary>
public sealed record StoreCompare(string Key, StoreRevision Revision);
