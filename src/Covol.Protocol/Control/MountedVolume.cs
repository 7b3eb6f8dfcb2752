using Covol.Protocol.Ids;

namespace Covol.Protocol.Control;

/// <summary>What a mount process tells of one volume.</summary>
/// <param name="Volume">Its name.</param>
/// <param name="State">How data goes.</param>
/// <param name="Reason">Why, as a sentence; empty when Direct.</param>
/// <param name="Epoch">The coordinator it follows.</param>
/// <param name="DirectBytes">Read and written on the LUN by this node since it attached.</param>
/// <param name="RedirectedBytes">Read and written through the coordinator.</param>
/// <param name="OpenHandles">Files open here.</param>
/// <param name="Layouts">Layouts held.</param>
/// <param name="WantsKey">
/// It could go direct again and waits for a key that was never used: the next <see cref="AttachVolume"/> brings one.
/// </param>
/// <param name="Process">What the mount process, which serves all volumes of the node, has used; null from one that does not tell.</param>
public sealed record MountedVolume(
    string Volume,
    VolumeRouteState State,
    string Reason,
    Epoch Epoch,
    long DirectBytes,
    long RedirectedBytes,
    int OpenHandles,
    int Layouts,
    bool WantsKey = false,
    ProcessUse? Process = null);
