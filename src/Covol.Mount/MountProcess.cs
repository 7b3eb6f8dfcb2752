using Covol.Fuse;
using Covol.Lun;
using Covol.Mount.Holding;
using Covol.Protocol.Control;
using Covol.Protocol.Volume;
using Covol.Ring;
using Covol.Transport;
using Covol.Transport.Control;
using Covol.VolumeClient;
using Microsoft.Extensions.Logging;

namespace Covol.Mount;

/// <summary>
/// The data plane of a node: every volume the control plane attaches, each with a mount, a session and a LUN of its own. It goes on
/// while the control plane is away.
/// </summary>
public sealed class MountProcess : IControlService
{
    private readonly MountConfiguration _configuration;
    private readonly IConnectionSource _connections;
    private readonly ILoggerFactory _loggers;
    private readonly ILogger _log;
    private readonly TimeProvider _time;
    private readonly Dictionary<string, VolumeMount> _mounts = [];
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _changing = new(1);
    private readonly TaskCompletionSource _stop = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private MountProcess(MountConfiguration configuration, IConnectionSource connections, ILoggerFactory loggers, TimeProvider time)
    {
        _configuration = configuration;
        _connections = connections;
        _loggers = loggers;
        _log = loggers.CreateLogger<MountProcess>();
        _time = time;
    }

    /// <summary>Runs until told to stop, by the control socket or <paramref name="cancellation"/>; then every volume is detached.</summary>
    public static async Task RunAsync(MountConfiguration configuration, ILoggerFactory loggers, CancellationToken cancellation)
    {
        using var identity = configuration.Tls is { } files ? TlsIdentity.Load(files) : null;
        var process = new MountProcess(
            configuration, new TransportConnections(identity, TimeProvider.System), loggers, TimeProvider.System);
        await process.RunAsync(cancellation).ConfigureAwait(false);
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
                return new ControlAnswer(true, MountedVolumes: [.. Mounts().Select(mount => mount.Describe())]);
            case Stop:
                _stop.TrySetResult();
                return ControlAnswer.Done;
            default:
                return ControlAnswer.Refused($"A mount process does not carry out {request?.GetType().Name}.");
        }
    }

    private async Task RunAsync(CancellationToken cancellation)
    {
        foreach (var missing in ProcessProtection.Apply())
        {
            MountLog.NotProtected(_log, missing);
        }

        Directory.CreateDirectory(_configuration.NamespaceRoot);
        await OldMounts.EndAsync(_configuration.NamespaceRoot, new HolderClient(_configuration.HolderSocket), _time, _log, cancellation)
            .ConfigureAwait(false);
        await using var asked = cancellation.Register(() => _stop.TrySetResult()).ConfigureAwait(false);
        await using var control = ControlServer.Start(_configuration.ControlSocket, this, _loggers.CreateLogger<ControlServer>());
        await (await Task.WhenAny(_stop.Task, control.Completion).ConfigureAwait(false)).ConfigureAwait(false);
        await _changing.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        foreach (var mount in Mounts())
        {
            await mount.DetachAsync(CancellationToken.None).ConfigureAwait(false);
        }
    }

    /// <summary>A volume that is attached already keeps its key: that is one life of its data path. Only its coordinator may change.</summary>
    private async Task<ControlAnswer> AttachAsync(AttachVolume attach, CancellationToken cancellation)
    {
        await _changing.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            if (Find(attach.Volume) is { } mounted)
            {
                if (mounted.LunUri != attach.LunUri)
                {
                    return ControlAnswer.Refused($"{attach.Volume} is attached here from {mounted.LunUri}, not {attach.LunUri}; detach it first.");
                }

                mounted.SetCoordinator(attach.Epoch, attach.Coordinator);
                return ControlAnswer.Done;
            }

            var mount = await VolumeMount.AttachAsync(attach, _configuration, _connections, _time, _loggers, cancellation).ConfigureAwait(false);
            lock (_gate)
            {
                _mounts.Add(attach.Volume, mount);
            }

            return ControlAnswer.Done;
        }
        catch (Exception failure) when (failure is LunException or VolumeException or FuseException or IOException or FormatException)
        {
            return ControlAnswer.Refused($"{attach.Volume} could not be attached: {failure.Message}");
        }
        finally
        {
            _changing.Release();
        }
    }

    private async Task<ControlAnswer> DetachAsync(DetachVolume detach, CancellationToken cancellation)
    {
        await _changing.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            if (Find(detach.Volume) is not { } mount)
            {
                return ControlAnswer.Done;
            }

            if (mount.Describe().OpenHandles is > 0 and var open && !detach.Force)
            {
                return ControlAnswer.Refused(
                    $"{open} files of {detach.Volume} are open on {_configuration.Node} (see 'fuser -vm {mount.Path}'); close them, or use --force.");
            }

            await mount.DetachAsync(cancellation).ConfigureAwait(false);
            lock (_gate)
            {
                _mounts.Remove(detach.Volume);
            }

            return ControlAnswer.Done;
        }
        finally
        {
            _changing.Release();
        }
    }

    private VolumeMount? Find(string volume)
    {
        lock (_gate)
        {
            return _mounts.GetValueOrDefault(volume);
        }
    }

    private VolumeMount[] Mounts()
    {
        lock (_gate)
        {
            return [.. _mounts.Values];
        }
    }
}
