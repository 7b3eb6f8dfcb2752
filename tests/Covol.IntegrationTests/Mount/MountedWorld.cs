using Covol.Fuse;
using Covol.IntegrationTests.Fuse;
using Covol.Lun;
using Covol.Mount;
using Covol.Mount.Holding;
using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.VolumeClient;
using Microsoft.Extensions.Logging.Abstractions;

namespace Covol.IntegrationTests.Mount;

/// <summary>A real volume, really mounted: LUN file, coordinator, holder and mount, in a temporary folder that is cleaned up.</summary>
internal sealed class MountedWorld : IAsyncDisposable
{
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(40);
    private readonly CancellationTokenSource _holderEnds = new();
    private readonly MountConfiguration _configuration;
    private readonly Task _holder;
    private ulong _lastKey = 0xD000;

    private MountedWorld(string folder)
    {
        Folder = folder;
        _configuration = new MountConfiguration(
            new NodeId(1), Path.Combine(folder, "ClusterStorage"), Path.Combine(folder, "hold.sock"), Path.Combine(folder, "mount.sock"), null);
        _holder = HolderProcess.RunAsync(_configuration.HolderSocket, _holderEnds.Token);
        Holder = new HolderClient(_configuration.HolderSocket);
    }

    public ToldLoggers Loggers { get; } = new();

    public string Folder { get; }

    public HolderClient Holder { get; }

    public ServedVolume Served { get; private set; } = null!;

    public VolumeMount Mount { get; private set; } = null!;

    /// <summary>The volume's folder.</summary>
    public string Root => Mount.Path;

    public string LunPath => Path.Combine(Folder, "lun1.img");

    /// <summary>Where volumes are mounted.</summary>
    public string NamespaceRoot => _configuration.NamespaceRoot;

    /// <summary>The newest key that a mount was given.</summary>
    public ReservationKey LastKey => new(_lastKey);

    public static async Task<MountedWorld> CreateAsync(long mebibytes = 256)
    {
        var world = await CreateUnmountedAsync(mebibytes);
        try
        {
            world.Mount = await world.AttachAsync();
            return world;
        }
        catch
        {
            await world.DisposeAsync();
            throw;
        }
    }

    public static async Task<MountedWorld> CreateUnmountedAsync(long mebibytes = 256)
    {
        var world = new MountedWorld(Directory.CreateTempSubdirectory("covol-mount-").FullName);
        try
        {
            ServedVolume.Format(world.LunPath, mebibytes);
            world.Served = await ServedVolume.StartAsync(world.LunPath, Path.Combine(world.Folder, "c1.sock"), 1, world.Loggers);
            return world;
        }
        catch
        {
            await world.DisposeAsync();
            throw;
        }
    }

    public ReservationKey NewKey() => new(++_lastKey);

    /// <summary>All keys that are registered on the LUN.</summary>
    public IReadOnlyList<ReservationKey> Keys()
    {
        using var lun = FileLun.Open(LunPath, NullLogger.Instance);
        return lun.ReadKeys();
    }

    /// <summary>Preempts the node's key, as another coordinator would.</summary>
    public void Fence(ReservationKey victim)
    {
        var own = new ReservationKey(0xE1);
        using var lun = FileLun.Open(LunPath, NullLogger.Instance);
        lun.Register(own);
        lun.PreemptAndAbort(own, victim, Deadline);
        lun.Unregister();
    }

    public Task<VolumeMount> AttachAsync(CancellationToken cancellation = default) => VolumeMount.AttachAsync(
        new AttachVolume("Volume1", $"file:{LunPath}", NewKey(), Served.Epoch, [Served.Endpoint]),
        _configuration,
        new TransportConnections(null, TimeProvider.System),
        TimeProvider.System,
        Loggers,
        cancellation).WaitAsync(Deadline, CancellationToken.None);

    /// <summary>The next coordinator takes over; the one before hands over or is simply gone.</summary>
    public async Task MoveCoordinatorAsync(bool inOrder)
    {
        if (inOrder)
        {
            await Served.HandOverAsync().WaitAsync(Deadline);
        }

        var epoch = Served.Epoch.Value + 1;
        await Served.DisposeAsync();
        Served = await ServedVolume.StartAsync(LunPath, Path.Combine(Folder, $"c{epoch}.sock"), epoch, Loggers).WaitAsync(Deadline);
        Mount.SetCoordinator(Served.Epoch, [Served.Endpoint]);
    }

    public string PathOf(string name) => Path.Combine(Root, name);

    public async Task<string> RunAsync(string program, params string[] arguments)
    {
        try
        {
            return await RealProgram.RunAsync(program, arguments);
        }
        catch (Exception failure) when (failure is InvalidOperationException or TimeoutException)
        {
            throw new InvalidOperationException($"{failure.Message}\n{Loggers.Told}", failure);
        }
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            if (Mount is not null)
            {
                await Mount.DetachAsync(force: true, CancellationToken.None).WaitAsync(Deadline);
            }
        }
        catch (Exception failure) when (failure is TimeoutException or FuseException)
        {
            FuseConnection.Abort(Mount!.Connection);
            await FuseSession.UnmountAsync(Mount.Path, TimeProvider.System, CancellationToken.None);

            // The test's own failure is hidden behind this one, but what the roles said tells it.
            throw new InvalidOperationException($"Detaching failed.\n{Loggers.Told}", failure);
        }
        finally
        {
            if (Served is not null)
            {
                await Served.DisposeAsync();
            }

            await _holderEnds.CancelAsync();
            await _holder;
            _holderEnds.Dispose();
            Directory.Delete(Folder, recursive: true);
        }
    }
}
