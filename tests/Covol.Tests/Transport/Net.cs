using System.Collections.Concurrent;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Transport;
using Microsoft.Extensions.Logging.Abstractions;

namespace Covol.Tests.Transport;

/// <summary>A listener on a Unix socket in a folder of its own, and connections to it.</summary>
internal sealed class Net : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("covol-net-");
    private readonly List<VolumeConnection> _connections = [];

    private Net(IVolumeService service, ConnectionOptions options, TimeProvider time)
    {
        Options = options;
        Time = time;
        Endpoint = PeerEndpoint.Unix(Path.Combine(_folder.FullName, "volume"));
        Listener = Listen(Endpoint, service, options, time);
    }

    public static FileId File { get; } = new(new FileReference(64, 3), 1234);

    public PeerEndpoint Endpoint { get; }

    public VolumeListener Listener { get; }

    public ConnectionOptions Options { get; }

    public TimeProvider Time { get; }

    public ConcurrentQueue<VolumeNotice> Notices { get; } = new();

    /// <summary>A patient connect, so that a loaded machine fails no test.</summary>
    public static ConnectionOptions Patient { get; } = new() { ConnectTimeout = Patience, CloseTimeout = Patience };

    public static Net Serving(IVolumeService service, ConnectionOptions? options = null, TimeProvider? time = null) =>
        new(service, options ?? Patient, time ?? TimeProvider.System);

    public static VolumeListener Listen(
        PeerEndpoint endpoint, IVolumeService service, ConnectionOptions? options = null, TimeProvider? time = null) =>
        VolumeListener.Start(
            [endpoint], service, new NodeId(2), null, options ?? Patient, time ?? TimeProvider.System, NullLogger.Instance);

    public static VolumeCall Call(VolumeRequest request, int slot = 0, long sequence = 1, ReadOnlyMemory<byte> data = default) =>
        new(new RequestId(new SessionId(5), slot, sequence), ScriptedService.Epoch, request, data);

    public static ReadData Read(int length) => new(File, FileByteOffset.Zero, length);

    public static WriteData Write() => new(File, FileByteOffset.Zero, false, false);

    public async Task<VolumeConnection> ConnectAsync()
    {
        var connection = await VolumeConnection.ConnectAsync(
            Endpoint, null, Notices.Enqueue, Options, Time, CancellationToken.None);
        _connections.Add(connection);
        return connection;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var connection in _connections)
        {
            await connection.DisposeAsync();
        }

        await Listener.DisposeAsync();
        _folder.Delete(recursive: true);
    }
}
