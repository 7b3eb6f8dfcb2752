using Covol.Protocol.Ids;

namespace Covol.Protocol.Store;

/// <summary>An administrator wants a volume coordinated elsewhere. The owner carries it out and deletes it.</summary>
/// <param name="Volume">Which volume.</param>
/// <param name="Target">Where to; null: nowhere, take it offline.</param>
public sealed record MoveOrder(string Volume, NodeId? Target);
