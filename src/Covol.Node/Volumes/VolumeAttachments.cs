using Covol.Cluster.Ownership;
using Covol.Protocol.Store;

namespace Covol.Node.Volumes;

/// <summary>Passes on who coordinates a volume to the data plane of this node.</summary>
internal sealed class VolumeAttachments : IVolumeAttachments
{
    private readonly MountRole _mount;

    public VolumeAttachments(MountRole mount) => _mount = mount;

    public Task AttachAsync(VolumeRecord volume, OwnershipRecord record, CancellationToken cancellation)
    {
        if (record.Answers)
        {
            _mount.Want(volume.Name, volume.LunUri, record.Epoch, record.Endpoints);
        }

        return Task.CompletedTask;
    }

    public async Task DetachAsync(VolumeRecord volume, CancellationToken cancellation) =>
        await _mount.DetachAsync(volume.Name, force: true, cancellation).ConfigureAwait(false);
}
