using Covol.Mount.Holding;
using Covol.Protocol.Control;
using Covol.Ring;
using Covol.Transport;
using Covol.Transport.Control;
using Covol.VolumeClient;
using Microsoft.Extensions.Logging;

namespace Covol.Mount;

/// <summary><c>covold mount</c>: the data plane of a node. It ends what an earlier life left, then does what the control plane says.</summary>
public static class MountProcess
{
    /// <summary>
    /// Runs until it is told to stop or cancelled, then takes every volume off the node. Call it first thing in the process: threads
    /// made before it are not protected from waiting for memory that this process itself has to free.
    /// </summary>
    public static async Task RunAsync(MountConfiguration configuration, ILoggerFactory loggers, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(loggers);
        var log = loggers.CreateLogger<MountService>();
        foreach (var sentence in ProcessProtection.Apply())
        {
            MountLog.NotProtected(log, sentence);
        }

        await ServeAsync(configuration, loggers, log, cancellation).ConfigureAwait(false);
    }

    /// <summary>All but the protection of the process, for tests that share theirs.</summary>
    internal static async Task ServeAsync(
        MountConfiguration configuration, ILoggerFactory loggers, ILogger log, CancellationToken cancellation)
    {
        var time = TimeProvider.System;
        Directory.CreateDirectory(configuration.NamespaceRoot);
        await OldMounts.EndAsync(configuration.NamespaceRoot, new HolderClient(configuration.HolderSocket), time, log, cancellation)
            .ConfigureAwait(false);

        using var tls = configuration.Tls is { } files ? TlsIdentity.Load(files) : null;
        var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var service = new MountService(
            configuration, new TransportConnections(tls, time), time, loggers, () => stop.TrySetResult());
        await using (cancellation.Register(() => stop.TrySetResult()))
        {
            await using var control = ControlServer.Start(configuration.ControlSocket, service, log);
            try
            {
                // The control server fails with a broken invariant: the process ends, and its mounts with it.
                await (await Task.WhenAny(stop.Task, control.Completion).ConfigureAwait(false)).ConfigureAwait(false);
            }
            finally
            {
                await service.DetachAllAsync().ConfigureAwait(false);
            }
        }
    }
}
