using Covol.Protocol.Store;

namespace Covol.Cluster.Store;

/// <summary>One key of the cluster store.</summary>
/// <param name="Key">Its name.</param>
/// <param name="Value">UTF-8 text, as a rule JSON.</param>
/// <param name="Revision">When it was last changed.</param>
/// <param name="Lease">It is deleted when this lease ends; null: it stays.</param>
public sealed record StoreEntry(string Key, string Value, StoreRevision Revision, StoreLease? Lease);
