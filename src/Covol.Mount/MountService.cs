using Covol.Fuse;
using Covol.Lun;
using Covol.Protocol.Control;
using Covol.Protocol.Volume;
using Covol.Transport;
using Covol.Transport.Control;
using Covol.VolumeClient;
using Microsoft.Extensions.Logging;

namespace Covol.Mount;

/// <summary>What the control plane can have a mount process do. Attaching and detaching of one volume never overlap.</summary>
internal sealed class MountService : IControlService
{
    private const int VolumesMax = 64;

    private readonly MountConfiguration _configuration;
    private readonly IConnectionSource _connections;
    private readonly TimeProvider _time;
    private readonly ILoggerFactory _loggers;
    private readonly ILogger _log;
    private readonly Action _stop;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, VolumeMount> _mounts = [];
    private readonly Dictionary<string, VolumeAttachment> _attaching = [];
    private readonly HashSet<string> _detaching = [];

    public MountService(
        MountConfiguration configuration, IConnectionSource connections, TimeProvider time, ILoggerFactory loggers, Action stop)
    {
        _configuration = configuration;
        _connections = connections;
        _time = time;
        _loggers = loggers;
        _log = loggers.CreateLogger<MountService>();
        _stop = stop;
    }

    public async ValueTask<ControlAnswer> AskAsync(ControlRequest request, CancellationToken cancellation)
    {
        switch (request)
        {
            case Attach attach:
                return await AttachAsync(attach.Volume, cancellation).ConfigureAwait(false);
            case Detach detach:
                return await DetachAsync(detach.Volume, cancellation).ConfigureAwait(false);
            case QueryMountedVolumes:
                lock (_gate)
                {
                    return new ControlAnswer(true, MountedVolumes: [.. _mounts.Values.Select(mount => mount.Describe())]);
                }

            case Stop:
                _stop();
                return ControlAnswer.Done;
            default:
                return ControlAnswer.Refused($"A mount process does not carry out {request.GetType().Name}.");
        }
    }

    /// <summary>Takes every volume off this node, whatever is open on it.</summary>
    public async Task DetachAllAsync()
    {
        string[] names;
        lock (_gate)
        {
            names = [.. _mounts.Keys];
        }

        foreach (var name in names)
        {
            var answer = await DetachAsync(new DetachVolume(name, Force: true), CancellationToken.None).ConfigureAwait(false);
            if (!answer.Ok)
            {
                MountLog.CleanUpFailed(_log, name, answer.Error ?? "");
            }
        }
    }

    private async Task<ControlAnswer> AttachAsync(AttachVolume attach, CancellationToken cancellation)
    {
        if (WhyNot(attach) is { } reason)
        {
            return ControlAnswer.Refused(reason);
        }

        VolumeAttachment? attachment;
        var isFirst = false;
        lock (_gate)
        {
            if (_detaching.Contains(attach.Volume))
            {
                return ControlAnswer.Refused($"{attach.Volume} is just being detached. Ask again.");
            }

            if (_mounts.TryGetValue(attach.Volume, out var mount))
            {
                return Follow(mount, attach);
            }

            if (!_attaching.TryGetValue(attach.Volume, out attachment))
            {
                isFirst = true;
                attachment = new VolumeAttachment(attach.LunUri);
                _attaching.Add(attach.Volume, attachment);
            }
        }

        if (isFirst)
        {
            try
            {
                attachment.End(await AttachAsync(attach, attachment, cancellation).ConfigureAwait(false));
            }
            catch
            {
                attachment.End(ControlAnswer.Refused($"{attach.Volume} could not be attached. Ask again."));
                throw;
            }
        }
        else if (!attachment.TryFollow(attach))
        {
            return ControlAnswer.Refused($"{attach.Volume} is just being attached with another LUN. Ask again.");
        }

        return await attachment.Answer.WaitAsync(cancellation).ConfigureAwait(false);
    }

    private async Task<ControlAnswer> AttachAsync(AttachVolume attach, VolumeAttachment attachment, CancellationToken cancellation)
    {
        VolumeMount? made = null;
        try
        {
            made = await VolumeMount.AttachAsync(
                attach, _configuration, _connections, _time, _loggers, cancellation, attachment.Begin).ConfigureAwait(false);
            return ControlAnswer.Done;
        }
        catch (Exception failure) when (failure is LunException or VolumeException or FuseException or IOException
            or UnauthorizedAccessException or TimeoutException)
        {
            return ControlAnswer.Refused($"{attach.Volume} cannot be attached: {failure.Message}");
        }
        finally
        {
            lock (_gate)
            {
                _attaching.Remove(attach.Volume);
                if (made is not null)
                {
                    _mounts[attach.Volume] = made;
                }
            }
        }
    }

    private string? WhyNot(AttachVolume attach)
    {
        try
        {
            Protocol.Ids.VolumeName.Parse(attach.Volume);
            Lun.LunUri.Parse(attach.LunUri);
            foreach (var endpoint in attach.Coordinator)
            {
                PeerEndpoint.Parse(endpoint);
            }
        }
        catch (FormatException failure)
        {
            return failure.Message;
        }

        lock (_gate)
        {
            return _mounts.Count >= VolumesMax && !_mounts.ContainsKey(attach.Volume)
                ? $"A node serves {VolumesMax} volumes at most."
                : null;
        }
    }

    private static ControlAnswer Follow(VolumeMount mount, AttachVolume attach)
    {
        if (mount.LunUri != attach.LunUri)
        {
            return ControlAnswer.Refused($"{attach.Volume} is attached with {mount.LunUri}. Detach it before it gets another LUN.");
        }

        // Its key is one life of this data path, which the control plane cannot change; only a mount that lost its key takes another.
        mount.Offer(attach.DataKey);
        mount.SetCoordinator(attach.Epoch, attach.Coordinator);
        return ControlAnswer.Done;
    }

    private async Task<ControlAnswer> DetachAsync(DetachVolume detach, CancellationToken cancellation)
    {
        VolumeMount? mount;
        lock (_gate)
        {
            if (!_mounts.TryGetValue(detach.Volume, out mount))
            {
                return ControlAnswer.Refused($"{detach.Volume} is not attached here.");
            }

            var open = mount.Describe().OpenHandles;
            if (open > 0 && !detach.Force)
            {
                return ControlAnswer.Refused($"{detach.Volume} has {open} open files on this node. Close them, or detach it by force.");
            }

            if (!_detaching.Add(detach.Volume))
            {
                return ControlAnswer.Refused($"{detach.Volume} is being detached already.");
            }
        }

        try
        {
            await mount.DetachAsync(detach.Force, cancellation).ConfigureAwait(false);
            lock (_gate)
            {
                _mounts.Remove(detach.Volume);
            }

            return ControlAnswer.Done;
        }
        catch (Exception failure) when (failure is FuseException or TimeoutException or IOException)
        {
            return ControlAnswer.Refused($"{detach.Volume} cannot be detached: {failure.Message}");
        }
        finally
        {
            lock (_gate)
            {
                _detaching.Remove(detach.Volume);
            }
        }
    }
}
