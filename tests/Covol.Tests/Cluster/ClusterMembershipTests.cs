using System.Collections.Concurrent;
using Covol.Cluster.Membership;
using Covol.Cluster.Records;
using Covol.Cluster.Store;
using Covol.Protocol.Ids;
using Covol.Protocol.Membership;
using Covol.Protocol.Store;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;

namespace Covol.Tests.Cluster;

/// <summary>The driver of node 1's membership over a memory store; node 2 is silent.</summary>
public sealed class ClusterMembershipTests : IAsyncLifetime, IAsyncDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);
    private static readonly NodeId s_one = new(1);
    private static readonly NodeId s_two = new(2);
    private readonly MemoryStore _store = new(TimeProvider.System);
    private readonly StoreKeys _keys = new("lab");
    private readonly CancellationTokenSource _ending = new();
    private readonly SilentNetwork _network = new();
    private ClusterWatch? _watch;
    private ClusterMembership? _membership;
    private Task[] _runs = [];

    private ClusterRecords Records => new(_store, _keys);

    public async Task InitializeAsync()
    {
        var cluster = await Records.EnsureClusterAsync("lab", default);
        foreach (var node in (NodeId[])[s_one, s_two])
        {
            await Records.JoinAsync(new MemberRecord(node, $"{node}", [], "", []), default);
        }

        await new KeyAllocator(_store, _keys, cluster).NewDataKeyAsync(s_two, 0, default);
        _watch = new ClusterWatch(_store, _keys);
        var settings = new MembershipSettings
        {
            Heartbeat = TimeSpan.FromMilliseconds(20),
            StartPatience = TimeSpan.FromMilliseconds(50),
            EvictAfter = TimeSpan.FromMilliseconds(100),
        };
        _membership = new ClusterMembership(
            s_one, settings, _store, _keys, _watch, _network, TimeProvider.System, NullLogger<ClusterMembership>.Instance);
    }

    public async Task DisposeAsync()
    {
        await _ending.CancelAsync();
        await Task.WhenAll(_runs).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _store.DisposeAsync();
        _ending.Dispose();
    }

    async ValueTask IAsyncDisposable.DisposeAsync() => await DisposeAsync();

    [Fact]
    public async Task A_node_that_stays_dead_gets_on_record_as_evicted()
    {
        Run();

        var state = await _watch!.WaitAsync(state => state.Evictions.ContainsKey(s_two.Value), default).WaitAsync(s_limit);

        state.Evictions[s_two.Value].Record.ShouldSatisfyAllConditions(
            record => record.By.ShouldBe(s_one),
            record => record.Incarnation.ShouldBe(1),
            record => record.Number.ShouldBe(1));
    }

    [Fact]
    public async Task The_news_of_a_restart_is_sent_before_it_is_said_to_be_announced()
    {
        Run();

        await _membership!.AnnounceRestartAsync(s_limit).WaitAsync(s_limit);

        _network.Sent.Count(beat => beat.IsRestarting).ShouldBeGreaterThanOrEqualTo(2);
    }

    [Fact]
    public async Task An_announcement_that_nobody_sends_ends_with_its_limit() =>
        await _membership!.AnnounceRestartAsync(TimeSpan.FromMilliseconds(50)).WaitAsync(s_limit);

    private void Run() => _runs = [_watch!.RunAsync(_ending.Token), _membership!.RunAsync(_ => { }, () => { }, _ending.Token)];

    private sealed class SilentNetwork : IPeerNetwork
    {
        public ConcurrentQueue<Heartbeat> Sent { get; } = new();

        public void SetPeers(IReadOnlyList<MemberRecord> peers)
        {
        }

        public void Send(Heartbeat heartbeat) => Sent.Enqueue(heartbeat);

        public Task RunAsync(Action<MembershipInput> tell, CancellationToken cancellation) => Task.Delay(Timeout.Infinite, cancellation);
    }
}
