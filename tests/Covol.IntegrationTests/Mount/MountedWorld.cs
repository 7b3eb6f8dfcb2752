using Covol.Fuse;
using Covol.IntegrationTests.Fuse;
using Covol.Mount;
using Covol.Mount.Holding;
using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.VolumeClient;

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

    public static async Task<MountedWorld> CreateAsync(long mebibytes = 256)
    {
        var world = new MountedWorld(Directory.CreateTempSubdirectory("covol-mount-").FullName);
        try
        {
            ServedVolume.Format(world.LunPath, mebibytes);
            world.Served = await ServedVolume.StartAsync(world.LunPath, Path.Combine(world.Folder, "c1.sock"), 1, world.Loggers);
            world.Mount = await world.AttachAsync();
            return world;
        }
        catch
        {
            await world.DisposeAsync();
            throw;
        }
    }

    public Task<VolumeMount> AttachAsync() => VolumeMount.AttachAsync(
        new AttachVolume("Volume1", $"file:{LunPath}", new ReservationKey(++_lastKey), Served.Epoch, [Served.Endpoint]),
        _configuration,
        new TransportConnections(null, TimeProvider.System),
        TimeProvider.System,
        Loggers,
        CancellationToken.None).WaitAsync(Deadline);

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
                await Mount.DetachAsync(CancellationToken.None).WaitAsync(Deadline);
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
