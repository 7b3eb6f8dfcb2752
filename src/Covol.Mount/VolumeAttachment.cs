using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.Transport.Control;
using Covol.VolumeClient;

namespace Covol.Mount;

/// <summary>
/// A volume that is on its way to this node. It may wait for a coordinator that is gone (the whole cluster lost its power, and the store
/// still names the old one), so who asks again meanwhile, under a higher epoch, is followed and gets the same answer. Any thread.
/// </summary>
internal sealed class VolumeAttachment
{
    private readonly string _lunUri;
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource<ControlAnswer> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private NodeVolume? _volume;
    private (Epoch Epoch, IReadOnlyList<string> Endpoints)? _newest;

    public VolumeAttachment(string lunUri) => _lunUri = lunUri;

    /// <summary>How it ended, for all who asked.</summary>
    public Task<ControlAnswer> Answer => _answer.Task;

    /// <summary>The session is there and looks for its coordinator.</summary>
    public void Begin(NodeVolume volume)
    {
        lock (_gate)
        {
            _volume = volume;
            if (_newest is { } newest)
            {
                volume.SetCoordinator(newest.Epoch, newest.Endpoints);
            }
        }
    }

    /// <summary>Looks for another coordinator from now on, if the epoch is higher. False: it is about another LUN.</summary>
    public bool TryFollow(AttachVolume attach)
    {
        if (attach.LunUri != _lunUri)
        {
            return false;
        }

        lock (_gate)
        {
            if (_newest is null || _newest.Value.Epoch.Value <= attach.Epoch.Value)
            {
                _newest = (attach.Epoch, attach.Coordinator);
            }

            _volume?.SetCoordinator(attach.Epoch, attach.Coordinator);
            return true;
        }
    }

    public void End(ControlAnswer answer) => _answer.TrySetResult(answer);
}
