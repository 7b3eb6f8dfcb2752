using Covol.Cluster.Store;
using Covol.Protocol.Store;
using Shouldly;

namespace Covol.Tests.Cluster;

/// <summary>What every cluster store does: run against the memory store here and against a real etcd in the integration tests.</summary>
public abstract class ClusterStoreContract
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);

    protected abstract IClusterStore Store { get; }

    /// <summary>A folder of the store that no other test uses.</summary>
    protected string Folder { get; } = $"/test/{Guid.NewGuid():n}/";

    /// <summary>Lets time pass until the condition holds: real time for etcd, the manual clock for the memory store.</summary>
    protected abstract Task LetTimePassUntilAsync(Func<Task<bool>> condition);

    /// <summary>Forgets the history of changes.</summary>
    protected abstract Task CompactAsync();

    [StoreFact]
    public async Task A_key_that_was_never_written_is_not_there()
    {
        (await Store.GetAsync($"{Folder}a", default)).ShouldBeNull();
    }

    [StoreFact]
    public async Task A_written_key_is_read_with_its_revision()
    {
        var written = await PutAsync("a", "one ä");

        var entry = (await Store.GetAsync($"{Folder}a", default)).ShouldNotBeNull();

        entry.Value.ShouldBe("one ä");
        entry.Revision.ShouldBe(written.Revision);
    }

    [StoreFact]
    public async Task A_range_is_ordered_and_ends_with_its_prefix()
    {
        await PutAsync("x/2", "two");
        await PutAsync("x/1", "one");
        await PutAsync("y", "other");

        var range = await Store.GetRangeAsync($"{Folder}x/", default);

        range.Entries.Select(entry => entry.Value).ShouldBe(["one", "two"]);
    }

    [StoreFact]
    public async Task A_key_is_created_only_once()
    {
        (await CreateAsync("a", "first")).Succeeded.ShouldBeTrue();

        var second = await CreateAsync("a", "second");

        second.Succeeded.ShouldBeFalse();
        second.Current.ShouldHaveSingleItem().Value.ShouldBe("first");
    }

    [StoreFact]
    public async Task A_transaction_on_an_older_revision_changes_nothing()
    {
        var first = await PutAsync("a", "one");
        var second = await PutAsync("a", "two");

        var late = await Store.CommitAsync(
            new StoreTransaction(
                [new StoreCompare($"{Folder}a", first.Revision)],
                [new StorePut($"{Folder}a", "late"), new StorePut($"{Folder}b", "late")]),
            default);

        late.Succeeded.ShouldBeFalse();
        late.Current.ShouldHaveSingleItem().Revision.ShouldBe(second.Revision);
        (await Store.GetAsync($"{Folder}b", default)).ShouldBeNull();
    }

    [StoreFact]
    public async Task All_operations_of_a_transaction_have_one_revision()
    {
        await PutAsync("old", "x");

        var done = await Store.CommitAsync(
            new StoreTransaction([], [new StorePut($"{Folder}a", "1"), new StorePut($"{Folder}b", "2"), new StoreDelete($"{Folder}old")]),
            default);

        var range = await Store.GetRangeAsync(Folder, default);
        range.Entries.Count.ShouldBe(2);
        range.Entries.ShouldAllBe(entry => entry.Revision == done.Revision);
    }

    [StoreFact]
    public async Task Of_many_claims_at_once_exactly_one_wins()
    {
        var start = await PutAsync("owner", "nobody");

        var claims = await Task.WhenAll(Enumerable.Range(0, 12).Select(claimant => Store.CommitAsync(
            new StoreTransaction([new StoreCompare($"{Folder}owner", start.Revision)], [new StorePut($"{Folder}owner", $"{claimant}")]),
            default)));

        claims.Count(claim => claim.Succeeded).ShouldBe(1);
    }

    [StoreFact]
    public async Task A_lease_that_is_not_kept_takes_its_keys_along()
    {
        var lease = await Store.GrantLeaseAsync(TimeSpan.FromSeconds(1), default);
        await PutAsync("alive", "yes", lease);
        await PutAsync("stays", "yes");

        await LetTimePassUntilAsync(async () => await Store.GetAsync($"{Folder}alive", default) is null);

        (await Store.KeepLeaseAsync(lease, default)).ShouldBeFalse();
        (await Store.GetAsync($"{Folder}stays", default)).ShouldNotBeNull();
    }

    [StoreFact]
    public async Task A_lease_that_is_kept_keeps_its_keys()
    {
        var lease = await Store.GrantLeaseAsync(TimeSpan.FromSeconds(2), default);
        await PutAsync("alive", "yes", lease);
        var other = await Store.GrantLeaseAsync(TimeSpan.FromSeconds(2), default);
        await PutAsync("other", "yes", other);

        await LetTimePassUntilAsync(async () =>
            await Store.KeepLeaseAsync(lease, default) && await Store.GetAsync($"{Folder}other", default) is null);

        (await Store.GetAsync($"{Folder}alive", default)).ShouldNotBeNull().Lease.ShouldBe(lease);
    }

    [StoreFact]
    public async Task A_revoked_lease_deletes_its_keys_at_once_and_may_be_revoked_again()
    {
        var lease = await Store.GrantLeaseAsync(TimeSpan.FromSeconds(60), default);
        await PutAsync("alive", "yes", lease);

        await Store.RevokeLeaseAsync(lease, default);
        await Store.RevokeLeaseAsync(lease, default);

        (await Store.GetAsync($"{Folder}alive", default)).ShouldBeNull();
        await Should.ThrowAsync<StoreRefusedException>(() => PutAsync("alive", "again", lease));
    }

    [StoreFact]
    public async Task A_watch_tells_what_there_is_and_then_every_change_in_order()
    {
        await PutAsync("w/a", "1");
        await using var watch = Store.WatchAsync($"{Folder}w/", default).GetAsyncEnumerator();

        var snapshot = await NextAsync(watch);
        await PutAsync("w/a", "2");
        await PutAsync("elsewhere", "x");
        await PutAsync("w/b", "3");
        await Store.CommitAsync(new StoreTransaction([], [new StoreDelete($"{Folder}w/a")]), default);
        var changes = await NextChangesAsync(watch, 3);

        snapshot.IsSnapshot.ShouldBeTrue();
        snapshot.Changes.ShouldHaveSingleItem().Entry.ShouldNotBeNull().Value.ShouldBe("1");
        changes.Select(change => change.Entry?.Value).ShouldBe(["2", "3", null]);
        changes[2].Key.ShouldBe($"{Folder}w/a");
        changes.Select(change => change.Revision.Value).ShouldBeInOrder(SortDirection.Ascending);
    }

    [StoreFact]
    public async Task A_watch_tells_of_an_ended_lease()
    {
        var lease = await Store.GrantLeaseAsync(TimeSpan.FromSeconds(60), default);
        await PutAsync("w/a", "1", lease);
        await using var watch = Store.WatchAsync($"{Folder}w/", default).GetAsyncEnumerator();
        await NextAsync(watch);

        await Store.RevokeLeaseAsync(lease, default);

        (await NextChangesAsync(watch, 1)).ShouldHaveSingleItem().Entry.ShouldBeNull();
    }

    [StoreFact]
    public async Task A_watch_goes_on_over_compaction()
    {
        await using var watch = Store.WatchAsync($"{Folder}w/", default).GetAsyncEnumerator();
        (await NextAsync(watch)).Changes.ShouldBeEmpty();
        await PutAsync("w/a", "1");
        await NextChangesAsync(watch, 1);

        await CompactAsync();
        await PutAsync("w/b", "2");

        (await NextAsync(watch)).Changes.ShouldContain(change => change.Entry!.Value == "2");
    }

    [StoreFact]
    public async Task A_cancelled_watch_ends()
    {
        using var cancellation = new CancellationTokenSource();
        await using var watch = Store.WatchAsync($"{Folder}w/", cancellation.Token).GetAsyncEnumerator();
        await NextAsync(watch);

        var next = watch.MoveNextAsync().AsTask();
        await cancellation.CancelAsync();

        await Should.ThrowAsync<OperationCanceledException>(() => next.WaitAsync(s_limit));
    }

    protected Task<StoreTransactionResult> PutAsync(string name, string value, StoreLease? lease = null) =>
        Store.CommitAsync(new StoreTransaction([], [new StorePut($"{Folder}{name}", value, lease)]), default);

    protected static async Task<StoreUpdate> NextAsync(IAsyncEnumerator<StoreUpdate> watch)
    {
        (await watch.MoveNextAsync().AsTask().WaitAsync(s_limit)).ShouldBeTrue();
        return watch.Current;
    }

    protected static async Task<List<StoreChange>> NextChangesAsync(IAsyncEnumerator<StoreUpdate> watch, int count)
    {
        var changes = new List<StoreChange>();
        while (changes.Count < count)
        {
            changes.AddRange((await NextAsync(watch)).Changes);
        }

        return changes;
    }

    private Task<StoreTransactionResult> CreateAsync(string name, string value) => Store.CommitAsync(
        new StoreTransaction([new StoreCompare($"{Folder}{name}", new StoreRevision(0))], [new StorePut($"{Folder}{name}", value)]),
        default);
}
