using System.Collections.Concurrent;
using Covol.Cluster.Records;
using Covol.Cluster.Store;
using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.Protocol.Membership;
using Covol.Protocol.Ownership;
using Covol.Protocol.Store;
using Shouldly;
using Xunit;

namespace Covol.Tests.Cluster;

/// <summary>The drivers of two nodes over one memory store.</summary>
public sealed class ClusterOwnershipTests : IAsyncLifetime, IAsyncDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);
    private static readonly NodeId s_one = new(1);
    private static readonly NodeId s_two = new(2);
    private static readonly VolumeName s_volume = VolumeName.Parse("Volume1");
    private readonly MemoryStore _store = new(TimeProvider.System);
    private readonly StoreKeys _keys = new("lab");
    private ClusterNode? _one;
    private ClusterNode? _two;
    private ClusterRecord? _cluster;

    private ClusterRecords Records => new(_store, _keys);

    public async Task InitializeAsync()
    {
        _cluster = await Records.EnsureClusterAsync("lab", default);
        _one = new ClusterNode(_store, _keys, _cluster, s_one);
        _two = new ClusterNode(_store, _keys, _cluster, s_two);
        _one.SetMembers((s_two, PeerHealth.Alive));
        _two.SetMembers((s_one, PeerHealth.Alive));
        await Records.AddVolumeAsync(_cluster, s_volume, "file:/lun", s_one, default);
        await ServedByAsync(s_one, epoch: 1);
    }

    public async Task DisposeAsync()
    {
        await _one!.DisposeAsync();
        await _two!.DisposeAsync();
        await _store.DisposeAsync();
    }

    async ValueTask IAsyncDisposable.DisposeAsync() => await DisposeAsync();

    [Fact]
    public async Task Every_node_is_told_who_answers_with_whose_certificate_and_only_the_owner_gets_its_unix_endpoint()
    {
        var there = await FirstAsync(_two!.Coordinators.Attached);
        var here = await FirstAsync(_one!.Coordinators.Attached);

        there.Endpoints.ShouldBe(["tcp:node1@127.0.0.1:1"]);
        here.Endpoints.ShouldBe(["unix:/here", "tcp:node1@127.0.0.1:1"]);
    }

    [Fact]
    public async Task A_planned_move_ends_at_its_target_without_an_order_left()
    {
        await Records.OrderMoveAsync(s_volume, s_two, default);

        await ServedByAsync(s_two, epoch: 2);

        (await _store.GetAsync(_keys.Move("Volume1"), default)).ShouldBeNull();
    }

    [Fact]
    public async Task A_dead_owners_volume_is_taken_over_and_its_key_fenced()
    {
        var old = _two!.Watch.Current.Ownerships["Volume1"].Record.Key;
        await _one!.DisposeAsync();

        _two.SetMembers((s_one, PeerHealth.Dead));
        await ServedByAsync(s_two, epoch: 2);

        _two.Coordinators.Activated.ShouldHaveSingleItem().KeysToFence.ShouldBe([old]);
    }

    [Fact]
    public async Task Without_the_store_everything_stays_and_afterwards_the_order_is_obeyed()
    {
        _store.IsAvailable = false;
        await Should.ThrowAsync<StoreUnavailableException>(() => Records.OrderMoveAsync(s_volume, s_two, default));
        _one!.Ownership.States.ShouldHaveSingleItem().Stage.ShouldBe(OwnershipStage.Serving);

        _store.IsAvailable = true;
        await Records.OrderMoveAsync(s_volume, s_two, default);

        await ServedByAsync(s_two, epoch: 2);
    }

    [Fact]
    public async Task A_node_that_shuts_down_hands_over_first()
    {
        await _one!.Ownership.ShutDownAsync(default).WaitAsync(s_limit);

        await ServedByAsync(s_two, epoch: 2);
    }

    [Fact]
    public async Task A_volume_is_removed_only_offline_and_its_number_never_comes_again()
    {
        (await Should.ThrowAsync<StoreRefusedException>(() => Records.RemoveVolumeAsync(s_volume, default)))
            .Message.ShouldContain("offline");
        await Records.OrderMoveAsync(s_volume, null, default);
        await _two!.Watch.WaitAsync(state => state.Ownerships["Volume1"].Record.Offline, default).WaitAsync(s_limit);

        await Records.RemoveVolumeAsync(s_volume, default);
        var again = await Records.AddVolumeAsync(_cluster!, s_volume, "file:/lun", s_two, default);

        again.Number.ShouldBe(2);
        await ServedByAsync(s_two, epoch: 1);
    }

    [Fact]
    public async Task Who_wrote_on_the_LUN_while_the_volume_was_offline_is_fenced_before_it_is_online_again()
    {
        var writer = await new KeyAllocator(_store, _keys, _cluster!).NewCoordinatorKeyAsync(s_two, 1, default);
        (await Should.ThrowAsync<StoreRefusedException>(() => Records.NameWriterAsync(s_volume, writer, default)))
            .Message.ShouldContain("not offline");
        await Records.OrderMoveAsync(s_volume, null, default);
        await _two!.Watch.WaitAsync(state => state.Ownerships["Volume1"].Record.Offline, default).WaitAsync(s_limit);

        await Records.NameWriterAsync(s_volume, writer, default);
        await Records.OrderMoveAsync(s_volume, s_two, default);
        await ServedByAsync(s_two, epoch: 2);

        _two.Coordinators.Activated.ShouldHaveSingleItem().KeysToFence.ShouldContain(writer);
    }

    [Fact]
    public async Task An_eviction_on_record_reaches_every_coordinator_that_serves_and_the_next_one_when_it_takes_over()
    {
        var three = new NodeId(3);
        var key = await new KeyAllocator(_store, _keys, _cluster!).NewDataKeyAsync(three, 0, default);
        await Records.EvictAsync(three, s_two, "silent", (await _store.GetRangeAsync(_keys.Root, default)).Revision, default);
        var expected = new EvictNode(three, KeyLayout.Incarnation(key));

        (await FirstAsync(_one!.Coordinators.Evicted)).ShouldBe(expected);
        _two!.Coordinators.Evicted.ShouldBeEmpty();
        await Records.OrderMoveAsync(s_volume, s_two, default);

        (await FirstAsync(_two.Coordinators.Evicted)).ShouldBe(expected);
    }

    [Fact]
    public async Task No_key_is_handed_out_twice()
    {
        var allocator = new KeyAllocator(_store, _keys, _cluster!);

        var keys = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => allocator.NewDataKeyAsync(s_one, obeyedEviction: 0, default)));

        keys.Distinct().Count().ShouldBe(20);
        keys.ShouldAllBe(key => KeyLayout.IsDataKeyOf(key, _cluster!.Tag, s_one));
    }

    private Task<ClusterState> ServedByAsync(NodeId node, long epoch) => _two!.Watch
        .WaitAsync(
            state => state.Ownerships.TryGetValue("Volume1", out var owned)
                && owned.Record is { Answers: true } record && record.Owner == node && record.Epoch.Value == epoch,
            default)
        .WaitAsync(s_limit);

    private static async Task<T> FirstAsync<T>(ConcurrentQueue<T> records)
    {
        using var limit = new CancellationTokenSource(s_limit);
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (records.IsEmpty)
        {
            await tick.WaitForNextTickAsync(limit.Token);
        }

        return records.First();
    }
}
