using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Covol.Cluster.Membership;
using Covol.Protocol.Ids;
using Covol.Protocol.Membership;
using Covol.Protocol.Store;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;

namespace Covol.Tests.Cluster;

/// <summary>Heartbeats between two control planes on loopback.</summary>
public sealed class PeerNetworkTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task A_heartbeat_arrives_and_the_end_of_its_sender_is_told()
    {
        var (one, two) = (FreePort(), FreePort());
        using var first = Network(one);
        var second = Network(two);
        using var ending = new CancellationTokenSource();
        using var endingSecond = new CancellationTokenSource();
        var heard = new ConcurrentQueue<MembershipInput>();
        var runs = new[] { first.RunAsync(heard.Enqueue, ending.Token), second.RunAsync(_ => { }, endingSecond.Token) };
        second.SetPeers([Member(1, one)]);

        await UntilAsync(() =>
        {
            second.Send(new Heartbeat(new NodeId(2), [new NodeId(1)], false));
            return heard.OfType<HeartbeatReceived>().Any(beat => beat.From == new NodeId(2) && beat.Hears.Contains(new NodeId(1)));
        });
        await endingSecond.CancelAsync();
        await UntilAsync(() => heard.Contains(new PeerConnectionLost(new NodeId(2))));

        await ending.CancelAsync();
        foreach (var run in runs)
        {
            await Should.ThrowAsync<OperationCanceledException>(() => run);
        }

        second.Dispose();
        heard.ShouldContain(new PeerConnectionLost(new NodeId(2)));
    }

    private static PeerNetwork Network(int port) =>
        new(new IPEndPoint(IPAddress.Loopback, port), null, TimeProvider.System, NullLogger<PeerNetwork>.Instance);

    private static MemberRecord Member(int node, int port) =>
        new(new NodeId(node), $"node{node}", [$"tcp:127.0.0.1:{port}"], "", []);

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(s_limit);
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (!condition())
        {
            await tick.WaitForNextTickAsync(limit.Token);
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
