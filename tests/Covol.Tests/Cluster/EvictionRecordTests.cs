using Covol.Cluster.Records;
using Covol.Cluster.Store;
using Covol.Protocol.Ids;
using Covol.Protocol.Membership;
using Covol.Protocol.Ownership;
using Covol.Protocol.Store;
using Shouldly;
using Xunit;

namespace Covol.Tests.Cluster;

/// <summary>Evictions on record, over the memory store.</summary>
public sealed class EvictionRecordTests : IAsyncLifetime, IAsyncDisposable
{
    private static readonly NodeId s_one = new(1);
    private static readonly NodeId s_two = new(2);
    private static readonly NodeId s_three = new(3);
    private readonly MemoryStore _store = new(TimeProvider.System);
    private readonly StoreKeys _keys = new("lab");
    private ClusterRecord? _cluster;

    private ClusterRecords Records => new(_store, _keys);

    private KeyAllocator Allocator => new(_store, _keys, _cluster!);

    public async Task InitializeAsync() => _cluster = await Records.EnsureClusterAsync("lab", default);

    public async Task DisposeAsync() => await _store.DisposeAsync();

    async ValueTask IAsyncDisposable.DisposeAsync() => await DisposeAsync();

    [Fact]
    public async Task Two_nodes_that_evict_the_same_life_write_one_record()
    {
        var key = await Allocator.NewDataKeyAsync(s_three, 0, default);
        var seen = await RevisionAsync();

        var outcomes = await Task.WhenAll(
            Records.EvictAsync(s_three, s_one, "silent", seen, default), Records.EvictAsync(s_three, s_two, "silent", seen, default));

        outcomes.Count(outcome => outcome.Outcome == EvictionOutcome.Recorded).ShouldBe(1);
        var record = await RecordAsync();
        record.Number.ShouldBe(1);
        record.Incarnation.ShouldBe(KeyLayout.Incarnation(key));
    }

    [Fact]
    public async Task A_verdict_on_a_life_before_the_present_one_evicts_nobody()
    {
        await Allocator.NewDataKeyAsync(s_three, 0, default);
        var seen = await RevisionAsync();
        await TakeLifeAsync();

        (await Records.EvictAsync(s_three, s_one, "silent", seen, default)).Outcome.ShouldBe(EvictionOutcome.Outdated);
        (await Records.EvictAsync(s_three, s_one, "silent", await RevisionAsync(), default)).Outcome.ShouldBe(EvictionOutcome.Recorded);
    }

    [Fact]
    public async Task A_node_that_had_no_key_since_its_last_eviction_is_not_evicted_again()
    {
        (await Records.EvictAsync(s_three, s_one, "silent", await RevisionAsync(), default)).Outcome.ShouldBe(EvictionOutcome.NothingToEvict);
        await Allocator.NewDataKeyAsync(s_three, 0, default);
        await Records.EvictAsync(s_three, s_one, "silent", await RevisionAsync(), default);

        (await Records.EvictAsync(s_three, s_two, "silent", await RevisionAsync(), default)).Outcome.ShouldBe(EvictionOutcome.NothingToEvict);

        var next = await Allocator.NewDataKeyAsync(s_three, 1, default);
        (await Records.EvictAsync(s_three, s_two, "silent", await RevisionAsync(), default)).Outcome.ShouldBe(EvictionOutcome.Recorded);
        (await RecordAsync()).ShouldBe(new EvictionRecord(s_three, KeyLayout.Incarnation(next), s_two, "silent", 2));
    }

    [Fact]
    public async Task What_was_evicted_gets_no_further_key_and_what_came_after_does()
    {
        await Allocator.NewDataKeyAsync(s_three, obeyedEviction: 0, default);
        await Records.EvictAsync(s_three, s_one, "silent", await RevisionAsync(), default);

        var refusal = await Should.ThrowAsync<NodeEvictedException>(() => Allocator.NewDataKeyAsync(s_three, obeyedEviction: 0, default));
        var after = await Allocator.NewDataKeyAsync(s_three, obeyedEviction: 1, default);

        refusal.Eviction.Number.ShouldBe(1);
        refusal.Message.ShouldContain("node1");
        KeyLayout.Incarnation(after).ShouldBeGreaterThan((await RecordAsync()).Incarnation);
    }

    [Fact]
    public async Task Without_the_store_nobody_is_evicted()
    {
        _store.IsAvailable = false;

        await Should.ThrowAsync<StoreUnavailableException>(
            () => Records.EvictAsync(s_three, s_one, "silent", new StoreRevision(1), default));

        _store.IsAvailable = true;
        (await _store.GetAsync(_keys.Eviction(s_three), default)).ShouldBeNull();
    }

    private async Task TakeLifeAsync()
    {
        var lease = await _store.GrantLeaseAsync(TimeSpan.FromMinutes(1), default);
        var life = StoreJson.Write(new MemberLifeRecord(s_three, Guid.NewGuid()));
        await _store.CommitAsync(new StoreTransaction([], [new StorePut(_keys.Life(s_three), life, lease)]), default);
    }

    private async Task<StoreRevision> RevisionAsync() => (await _store.GetRangeAsync(_keys.Root, default)).Revision;

    private async Task<EvictionRecord> RecordAsync() =>
        StoreJson.Read<EvictionRecord>((await _store.GetAsync(_keys.Eviction(s_three), default)).ShouldNotBeNull());
}
