using Covol.Fuse;
using Covol.Protocol.Ids;
using Covol.Protocol.Volume;
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

    /// <summary>
    /// What this node keeps is answered at once, on the ring's thread: nobody has to be asked. A look at each of many files (<c>ls -l</c>) comes
    /// in several such requests a file.
    /// </summary>
    private bool TryAnswerKept(FuseRequest request)
    {
        if (request.Opcode is not (FuseOpcode.Lookup or FuseOpcode.GetAttributes or FuseOpcode.GetExtendedAttribute)
            || !_nodes.TryResolve(request.Node, out var file))
        {
            return false;
        }

        Seen seen;
        switch (request.Opcode)
        {
            case FuseOpcode.Lookup when request.TryGetName(out var name) && _volume.TryLookup(file, name, out seen):
                ReplyLookedUp(request, seen);
                return true;
            case FuseOpcode.Lookup when request.TryGetName(out var name) && _volume.IsKnownAbsent(file, name):
                request.ReplyError(FuseErrno.NoEntry);
                return true;
            case FuseOpcode.GetAttributes when _volume.TryLookAt(file, out seen):
                request.ReplyAttributes(FuseShapes.Attributes(seen.Attributes, request.Node), KernelMay(seen.Valid));
                return true;
            case FuseOpcode.GetExtendedAttribute when _volume.IsKnownPlain(file) && request.TryGetName(out var attribute)
                && IsOfKnownSpace(attribute):
                request.ReplyError(Errno.Of(VolumeError.NoSuchAttribute));
                return true;
            default:
                return false;
        }
    }

    private bool MayKeep => _negotiation.Task is { IsCompletedSuccessfully: true, Result: var agreed } && FuseNotifications.CanExpireNames(agreed);

    /// <summary>The kernel counts from when the program takes the answer, in ticks of its own.</summary>
    private TimeSpan KernelMay(TimeSpan keep) => _kernel is not null && MayKeep && keep > s_kernelLate ? keep - s_kernelLate : TimeSpan.Zero;
}
