using Covol.Fuse;
using Covol.Lun;
using Covol.Mount.Holding;
using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.Protocol.Volume;
using Covol.VolumeClient;
using Microsoft.Extensions.Logging;

namespace Covol.Mount;

/// <summary>
/// One volume on this node: its LUN, its session, its FUSE mount. Made by <see cref="AttachAsync"/> in that order and taken apart in
/// the reverse one. Not for several threads at once, except <see cref="Describe"/> and <see cref="SetCoordinator"/>.
/// </summary>
public sealed class VolumeMount
{
    private static readonly TimeSpan s_negotiationLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_endLimit = TimeSpan.FromSeconds(15);

    /// <summary>
    /// How long the coordinator has for what only this node knows, before a detach is refused: who asked for it waits half a minute.
    /// </summary>
    private static readonly TimeSpan s_tellLimit = TimeSpan.FromSeconds(20);

    /// <summary>The same before a forced one goes on. What is left is told when all is closed, within <see cref="s_endLimit"/>.</summary>
    private static readonly TimeSpan s_forcedLimit = TimeSpan.FromSeconds(10);

    private readonly AttachVolume _attached;
    private readonly IncarnationLun _lun;
    private readonly OfferedKeys _keys;
    private readonly ReturnToDirect _return;
    private readonly NodeVolume _volume;
    private readonly VolumeFileSystem _system;
    private readonly FuseSession _session;
    private readonly FuseServer _server;
    private readonly HolderClient _holder;
    private readonly TimeProvider _time;
    private readonly ILogger _log;

    private VolumeMount(
        AttachVolume attached,
        IncarnationLun lun,
        NodeVolume volume,
        VolumeFileSystem system,
        FuseSession session,
        FuseServer server,
        HolderClient holder,
        OfferedKeys keys,
        ReturnToDirect goesBack,
        TimeProvider time,
        ILogger log)
    {
        _attached = attached;
        _lun = lun;
        _volume = volume;
        _system = system;
        _session = session;
        _server = server;
        _holder = holder;
        _time = time;
        _log = log;
        _keys = keys;
        _return = goesBack;
    }

    public string Name => _attached.Volume;

    public string LunUri => _attached.LunUri;

    public string Path => _session.Path;

    /// <summary>Number of the FUSE connection, to abort it.</summary>
    public int Connection => _session.Connection;

    /// <summary>Inodes, without the root, that the kernel looked up and has not forgotten.</summary>
    internal int InodesKnown => _system.InodesKnown;

    /// <summary>Ends when nobody serves the mount any more.</summary>
    public Task<FuseServerEnd> Served => _server.Completion;

    /// <summary>
    /// Opens and registers the LUN, opens a session, mounts and serves. On failure all of it is undone. Throws
    /// <see cref="LunException"/>, <see cref="VolumeException"/>, <see cref="FuseException"/> or <see cref="IOException"/>.
    /// <paramref name="opening"/> gets the session before it waits for its coordinator: another may coordinate by then.
    /// </summary>
    public static async Task<VolumeMount> AttachAsync(
        AttachVolume attach,
        MountConfiguration configuration,
        IConnectionSource connections,
        TimeProvider time,
        ILoggerFactory loggers,
        CancellationToken cancellation,
        Action<NodeVolume>? opening = null)
    {
        var log = loggers.CreateLogger<VolumeMount>();
        var path = System.IO.Path.GetFullPath(System.IO.Path.Combine(configuration.NamespaceRoot, VolumeName.Parse(attach.Volume).Value));
        var uri = Covol.Lun.LunUri.Parse(attach.LunUri);
        var lunLog = loggers.CreateLogger<ILun>();
        var lun = uri.Open(lunLog);
        NodeVolume? volume = null;
        FuseSession? session = null;
        var (isRegistered, madeFolder) = (false, false);
        try
        {
            lun.Register(attach.DataKey);
            isRegistered = true;
            var mountId = Guid.NewGuid();
            volume = new NodeVolume(
                new VolumeClientSettings(attach.Volume, configuration.Node, mountId, attach.DataKey) { LunBlockSize = lun.BlockSize },
                connections,
                new BootTimeClock(),
                time,
                loggers.CreateLogger<NodeVolume>());
            volume.SetCoordinator(attach.Epoch, attach.Coordinator);
            opening?.Invoke(volume);
            var root = await volume.AskAsync<Entry>(new GetRoot()).ConfigureAwait(false);
            await volume.ConnectedAsync(cancellation).ConfigureAwait(false);

            // An answer goes on on the thread that read it, and what follows blocks: mount(2) waits for requests that this thread would answer.
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            var blockSize = Math.Max(lun.BlockSize, volume.BlockSize);

            var isNew = !Directory.Exists(path);
            Directory.CreateDirectory(path);
            madeFolder = isNew;
            session = FuseSession.Mount(new FuseMountOptions(path, attach.Volume, OldMounts.Subtype));
            var incarnations = new IncarnationLun(lun);
            var system = new VolumeFileSystem(attach.Volume, volume, incarnations, blockSize, root.Attributes.File, log);
            system.Notify(new FuseNotifications(session.Descriptor));
            volume.Watch(system);
            var server = FuseServer.Serve(
                session.Descriptor, system, new FuseOptions { Name = $"fuse {attach.Volume}", TimeGranularity = 100 }, log, null);
            var holder = new HolderClient(configuration.HolderSocket);
            var keys = new OfferedKeys(attach.DataKey);
            var goesBack = new ReturnToDirect(attach.Volume, volume, incarnations, () => uri.Open(lunLog), keys, time, log);
            var mount = new VolumeMount(attach, incarnations, volume, system, session, server, holder, keys, goesBack, time, log);
            try
            {
                var negotiation = await system.Negotiation.WaitAsync(s_negotiationLimit, time, cancellation).ConfigureAwait(false);
                mount.GiveToHolder(configuration.HolderSocket, KeptMount.Of(attach.Volume, path, mountId, session.Connection, negotiation));
                MountLog.Mounted(log, attach.Volume, path);
                return mount;
            }
            catch
            {
                await goesBack.DisposeAsync().ConfigureAwait(false);
                lun = incarnations.Present;
                await mount.EndServingAsync(CancellationToken.None).ConfigureAwait(false);
                throw;
            }
        }
        catch
        {
            if (volume is not null)
            {
                await volume.CloseSessionAsync().ConfigureAwait(false);
                await volume.DisposeAsync().ConfigureAwait(false);
            }

            await UndoAsync(attach.Volume, path, session, madeFolder, time, log).ConfigureAwait(false);
            GiveUp(attach.Volume, lun, isRegistered, log);
            throw;
        }
    }

    /// <summary>A key that was never used, for the next incarnation; of no effect while none is wanted.</summary>
    public void Offer(ReservationKey key) => _keys.Offer(key);

    public void SetCoordinator(Epoch epoch, IReadOnlyList<string> endpoints) => _volume.SetCoordinator(epoch, endpoints);

    /// <summary>How data goes now.</summary>
    public MountedVolume Describe()
    {
        var state = _volume.Describe() with
        {
            WantsKey = _keys.IsWanted,
            Process = new ProcessUse(
                GC.CollectionCount(0), Environment.CpuUsage.TotalTime.Ticks / TimeSpan.TicksPerMicrosecond),
        };
        return _server.Completion.IsCompleted
            ? state with
            {
                State = VolumeRouteState.Unavailable,
                Reason = "Its file system on this node has ended. Detach the volume and attach it again.",
            }
            : state;
    }

    /// <summary>
    /// Takes the volume off this node. The caller has seen that nothing is open, or takes it that programs get errors. Throws
    /// <see cref="TimeoutException"/>, with all as it was, where what programs wrote is known to this node alone and no coordinator takes it in;
    /// with <paramref name="force"/> that is lost, and logged for each file.
    /// </summary>
    public async Task DetachAsync(bool force, CancellationToken cancellation)
    {
        // A local file system is unmounted when what it acknowledged is on the disk (SAFETY 13).
        var left = await _volume.TellTailsAsync(force ? s_forcedLimit : s_tellLimit).WaitAsync(cancellation).ConfigureAwait(false);
        if (left > 0 && !force)
        {
            throw new TimeoutException(
                $"what programs wrote at the end of {left} files is known to this node alone, and no coordinator took it in. "
                + "Detach it when the volume has a coordinator again, or by force, which loses that.");
        }

        await _return.DisposeAsync().AsTask().WaitAsync(s_endLimit, _time, cancellation).ConfigureAwait(false);
        await EndServingAsync(cancellation).ConfigureAwait(false);
        await GiveUpAsync().ConfigureAwait(false);
        MountLog.Unmounted(_log, Name, Path);
    }

    private void GiveToHolder(string socket, KeptMount mount)
    {
        try
        {
            _holder.Put(mount, _session.Descriptor);
        }
        catch (IOException failure)
        {
            // The mount works without a holder; it only does not outlive this process.
            MountLog.NoHolder(_log, socket, failure.Message);
        }
    }

    /// <summary>Unmounts and waits until the server has answered everything, so that no I/O of it is in flight on the LUN.</summary>
    private async Task EndServingAsync(CancellationToken cancellation)
    {
        if (_volume.Describe().OpenHandles > 0)
        {
            FuseConnection.Abort(Connection);
        }

        if (!await FuseSession.UnmountAsync(Path, _time, cancellation).ConfigureAwait(false))
        {
            MountLog.StillInUse(_log, Name, Path);
            FuseConnection.Abort(Connection);
        }

        try
        {
            await _server.Completion.WaitAsync(s_endLimit, _time, cancellation).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            _server.Stop();
            MountLog.CleanUpFailed(_log, Name, "its file system still serves requests after it was unmounted");
            await _server.Completion.WaitAsync(s_endLimit, _time, cancellation).ConfigureAwait(false);
        }
    }

    private async Task GiveUpAsync()
    {
        try
        {
            await _system.CloseAllAsync().WaitAsync(s_endLimit, _time).ConfigureAwait(false);
            await _volume.CloseSessionAsync().WaitAsync(s_endLimit, _time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            MountLog.CleanUpFailed(_log, Name, "no coordinator answers; it will find the session ended when its lease runs out");
        }

        await _volume.DisposeAsync().ConfigureAwait(false);
        var mayStillWrite = _volume.MayStillWrite;
        if (mayStillWrite)
        {
            MountLog.KeyStays(_log, Name);
        }

        GiveUp(Name, _lun.Present, isRegistered: !mayStillWrite, _log);
        try
        {
            _holder.Drop(Name);
        }
        catch (IOException failure)
        {
            // A holder that is gone keeps nothing.
            MountLog.CleanUpFailed(_log, Name, failure.Message);
        }

        _session.Dispose();
        RemoveFolder(Name, Path, _log);
    }

    private static void GiveUp(string name, ILun lun, bool isRegistered, ILogger log)
    {
        using (lun)
        {
            if (!isRegistered)
            {
                return;
            }

            try
            {
                lun.Unregister();
            }
            catch (LunException failure)
            {
                // A fenced key is gone already.
                MountLog.CleanUpFailed(log, name, failure.Message);
            }
        }
    }

    /// <summary>Takes a half made mount away.</summary>
    private static async Task UndoAsync(
        string name, string path, FuseSession? session, bool madeFolder, TimeProvider time, ILogger log)
    {
        if (session is not null)
        {
            using (session)
            {
                try
                {
                    await FuseSession.UnmountAsync(path, time, CancellationToken.None).ConfigureAwait(false);
                }
                catch (FuseException failure)
                {
                    MountLog.CleanUpFailed(log, name, failure.Message);
                }
            }
        }

        if (madeFolder)
        {
            RemoveFolder(name, path, log);
        }
    }

    private static void RemoveFolder(string name, string path, ILogger log)
    {
        try
        {
            Directory.Delete(path);
        }
        catch (IOException failure)
        {
            MountLog.CleanUpFailed(log, name, failure.Message);
        }
    }
}
