using Covol.Protocol.Store;

namespace Covol.Cluster.Ownership;

/// <summary>
/// This node's mount process, told who answers for a volume. Unix endpoints of other nodes are left out by the caller. A failure is
/// logged and not repeated: who starts the mount process again tells it the last state.
/// </summary>
public interface IVolumeAttachments
{
    Task AttachAsync(VolumeRecord volume, OwnershipRecord record, CancellationToken cancellation);

    Task DetachAsync(VolumeRecord volume, CancellationToken cancellation);
}
