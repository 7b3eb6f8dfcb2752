using Covol.Fuse;
using Covol.Protocol.Ids;
using Covol.VolumeClient;

namespace Covol.Mount;

/// <content>
/// What the kernel keeps of names and attributes. A name that may have changed makes it look all of them up anew, which the volume's own
/// cache answers; that waits for no lock in the kernel, unlike letting go of a single name.
/// </content>
internal sealed partial class VolumeFileSystem : IAttributeWatcher
{
    private static readonly TimeSpan s_kernelLate = TimeSpan.FromMilliseconds(100);

    private volatile FuseNotifications? _kernel;

    /// <summary>Before the first request: names and attributes may be kept by the kernel, which can be told to let go of them.</summary>
    public void Notify(FuseNotifications kernel) => _kernel = kernel;

    public void Outdated(IReadOnlyCollection<FileId> files, bool names)
    {
        if (_kernel is not { } kernel || !MayKeep)
        {
            return;
        }

        // Names first: whoever looks one up meanwhile gets new attributes with it.
        if (names)
        {
            kernel.ExpireNames();
        }

        foreach (var file in files)
        {
            kernel.ExpireAttributes(_nodes.NodeOf(file));
        }
    }

    private bool MayKeep => _negotiation.Task is { IsCompletedSuccessfully: true, Result: var agreed } && FuseNotifications.CanExpireNames(agreed);

    /// <summary>The kernel counts from when the program takes the answer, in ticks of its own.</summary>
    private TimeSpan KernelMay(TimeSpan keep) => _kernel is not null && MayKeep && keep > s_kernelLate ? keep - s_kernelLate : TimeSpan.Zero;
}
