using Covol.IntegrationTests.Mount;
using Covol.Mount;
using Covol.Mount.Holding;
using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.VolumeClient;

namespace Covol.IntegrationTests.Posix;

/// <summary>
/// One volume on two nodes of this process: the coordinator's node, and one that speaks to it over another socket as another node. The
/// folder beside them is on the local file system.
/// </summary>
internal sealed class TwoNodes : IAsyncDisposable
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(40);
    private readonly CancellationTokenSource _holdersEnd = new();
    private readonly List<Task> _holders = [];
    private readonly List<VolumeMount> _mounts = [];
    private ServedVolume? _served;

    private TwoNodes(string folder) => Folder = folder;

    public ToldLoggers Loggers { get; } = new();

    public string Folder { get; }

    /// <summary>Where the volume is mounted: on the coordinator's node, and on the other.</summary>
    public IReadOnlyList<string> Roots => [.. _mounts.Select(mount => mount.Path)];

    /// <summary>How a node's data goes, numbered as <see cref="Roots"/>.</summary>
    public MountedVolume Describe(int node) => _mounts[node].Describe();

    public ServedVolume Served => _served ?? throw new InvalidOperationException("The volume is not served yet.");

    /// <summary>Inodes that a node's kernel knows, as its mount counts them.</summary>
    public int InodesKnown(int node) => _mounts[node].InodesKnown;

    public string Local => Path.Combine(Folder, "local");

    public static async Task<TwoNodes> CreateAsync(long mebibytes = 512)
    {
        var folder = Directory.CreateTempSubdirectory("covol-posix-").FullName;
        File.SetUnixFileMode(folder, (UnixFileMode)0x1ED);
        var world = new TwoNodes(folder);
        try
        {
            Directory.CreateDirectory(world.Local);
            var lun = Path.Combine(folder, "lun1.img");
            ServedVolume.Format(lun, mebibytes);
            world._served = await ServedVolume.StartAsync(lun, Path.Combine(folder, "c1.sock"), 1, world.Loggers);
            await world.AttachAsync(1, lun, world._served.Endpoint);
            await world.AttachAsync(2, lun, world._served.ListenFor(new NodeId(2), Path.Combine(folder, "c2.sock")));
            return world;
        }
        catch
        {
            await world.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            foreach (var mount in _mounts)
            {
                await mount.DetachAsync(force: true, CancellationToken.None).WaitAsync(s_deadline);
            }
        }
        finally
        {
            if (_served is not null)
            {
                await _served.DisposeAsync();
            }

            await _holdersEnd.CancelAsync();
            await Task.WhenAll(_holders);
            _holdersEnd.Dispose();
            Directory.Delete(Folder, recursive: true);
        }
    }

    private async Task AttachAsync(int node, string lun, string endpoint)
    {
        var own = Path.Combine(Folder, $"n{node}");
        Directory.CreateDirectory(own);
        var configuration = new MountConfiguration(
            new NodeId(node), own, Path.Combine(own, "hold.sock"), Path.Combine(own, "mount.sock"), null);
        _holders.Add(HolderProcess.RunAsync(configuration.HolderSocket, _holdersEnd.Token));
        _mounts.Add(await VolumeMount.AttachAsync(
            new AttachVolume("Volume1", $"file:{lun}", new ReservationKey(0xD000 + (ulong)node), _served!.Epoch, [endpoint]),
            configuration,
            new TransportConnections(null, TimeProvider.System),
            TimeProvider.System,
            Loggers,
            CancellationToken.None).WaitAsync(s_deadline));
    }
}
