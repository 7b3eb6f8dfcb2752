using Covol.Protocol.Ownership;
using Covol.Protocol.Store;

namespace Covol.Cluster.Ownership;

/// <summary>What this node does about a volume's coordination, and why, for people.</summary>
public sealed record VolumeOwnershipState(VolumeRecord Volume, OwnershipStage Stage, string Reason, OwnershipRecord? Record);
