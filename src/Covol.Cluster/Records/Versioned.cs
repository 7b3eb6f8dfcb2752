using Covol.Protocol.Store;

namespace Covol.Cluster.Records;

/// <summary>A record and when it was last changed.</summary>
public sealed record Versioned<T>(T Record, StoreRevision Revision);
