using Covol.Protocol.Control;

namespace Covol.Transport.Control;

/// <summary>What the control plane asks of another role of its node. The set is closed; a role refuses what is not for it.</summary>
public abstract record ControlRequest
{
    private protected ControlRequest()
    {
    }
}

/// <summary>To a mount process. Sent again at every change; an older epoch is ignored.</summary>
public sealed record Attach(AttachVolume Volume) : ControlRequest;

/// <summary>To a mount process.</summary>
public sealed record Detach(DetachVolume Volume) : ControlRequest;

/// <summary>To a mount process: which volumes are mounted and how their data goes.</summary>
public sealed record QueryMountedVolumes : ControlRequest;

/// <summary>To a coordinator process: how far it is.</summary>
public sealed record QueryCoordinator : ControlRequest;

/// <summary>To a coordinator process in standby: the epoch that names its key is won; fence, replay, serve.</summary>
public sealed record Activate(ActivateCoordinator Order) : ControlRequest;

/// <summary>To a coordinator process: a node was evicted. Answered when its keys are fenced and its sessions ended.</summary>
public sealed record Evict(EvictNode Order) : ControlRequest;

/// <summary>To a coordinator process: check the volume while it is in use. Answered when that is done, which may take minutes.</summary>
public sealed record CheckVolume : ControlRequest;

/// <summary>To a coordinator process: finish what runs, make a checkpoint, take nothing more, end. Answered when that is done.</summary>
public sealed record HandOver : ControlRequest;

/// <summary>To any role: end in order.</summary>
public sealed record Stop : ControlRequest;
