using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Transport;
using Shouldly;

namespace Covol.IntegrationTests.Coordinator;

/// <summary>A client over the Unix socket, one request at a time in slot 0.</summary>
internal sealed class SocketClient : IAsyncDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);
    private readonly VolumeConnection _connection;
    private readonly Epoch _epoch;
    private long _sequence;

    private SocketClient(VolumeConnection connection, Epoch epoch) => (_connection, _epoch) = (connection, epoch);

    public SessionOpened Session { get; private set; } = null!;

    public FileId Root { get; private set; }

    public static async Task<SocketClient> ConnectAsync(HostedVolume volume, Guid mount, SessionId? resume)
    {
        using var deadline = new CancellationTokenSource(s_limit);
        var connection = await VolumeConnection.ConnectAsync(
            PeerEndpoint.Parse(volume.Endpoint),
            null,
            _ => { },
            ConnectionOptions.Default with { Volume = HostedVolume.Name },
            TimeProvider.System,
            deadline.Token);
        var client = new SocketClient(connection, volume.Epoch) { _sequence = resume is null ? 0 : 1_000 };
        var opened = await connection.CallAsync(
            new VolumeCall(
                new RequestId(default, 0, 0),
                volume.Epoch,
                new OpenSession(new NodeId(1), mount, new ReservationKey(0xDA7A), 16, resume),
                default),
            default,
            deadline.Token);
        client.Session = opened.Reply.ShouldBeOfType<SessionOpened>();
        client.Root = (await client.AskAsync<Entry>(new GetRoot())).Attributes.File;
        return client;
    }

    public async Task<T> AskAsync<T>(VolumeRequest request, ReadOnlyMemory<byte> data = default)
        where T : VolumeReply => (await CallAsync(request, data, default)).Reply.ShouldBeOfType<T>();

    public async Task<byte[]> ReadAsync(FileId file, long offset, int length)
    {
        var answer = await CallAsync(new ReadData(file, new FileByteOffset(offset), length), default, new byte[length]);
        answer.Reply.ShouldBeOfType<DataRead>();
        return answer.Data.ToArray();
    }

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    private async Task<VolumeAnswer> CallAsync(VolumeRequest request, ReadOnlyMemory<byte> data, Memory<byte> target)
    {
        using var deadline = new CancellationTokenSource(s_limit);
        var id = new RequestId(Session.Session, 0, ++_sequence);
        return await _connection.CallAsync(new VolumeCall(id, _epoch, request, data), target, deadline.Token);
    }
}
