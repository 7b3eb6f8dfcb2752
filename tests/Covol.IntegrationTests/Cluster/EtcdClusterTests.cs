using Covol.Cluster.Store;
using Covol.Tests.Cluster;
using Shouldly;

namespace Covol.IntegrationTests.Cluster;

/// <summary>Three etcd members, of which one is lost.</summary>
public sealed class EtcdClusterTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    [StoreFact]
    public async Task Calls_and_watches_go_on_with_another_member_when_theirs_is_lost()
    {
        await using var etcd = await EtcdFixture.StartAsync(members: 3);
        await using var store = etcd.Connect();
        await using var writer = EtcdFixture.Connect([.. etcd.Endpoints.Skip(1)]);
        await using var watch = store.WatchAsync("/t/", default).GetAsyncEnumerator();
        (await watch.MoveNextAsync().AsTask().WaitAsync(s_limit)).ShouldBeTrue();

        await etcd.Members[0].StopAsync(default);
        await WriteAsync(writer, "1");

        (await watch.MoveNextAsync().AsTask().WaitAsync(s_limit)).ShouldBeTrue();
        watch.Current.Changes.ShouldHaveSingleItem().Entry.ShouldNotBeNull().Value.ShouldBe("1");
        (await store.GetAsync("/t/a", default)).ShouldNotBeNull().Value.ShouldBe("1");
    }

    [StoreFact]
    public async Task Without_a_quorum_calls_end_with_a_sentence_and_with_it_they_go_on()
    {
        await using var etcd = await EtcdFixture.StartAsync(members: 3);
        await using var store = etcd.Connect();
        await WriteAsync(store, "1");
        await etcd.Members[1].StopAsync(default);
        await etcd.Members[2].StopAsync(default);

        (await Should.ThrowAsync<StoreUnavailableException>(() => store.GetAsync("/t/a", default))).Message.ShouldContain("answered");

        etcd.Members[1].Start();
        await etcd.Members[1].WaitUntilHealthyAsync(s_limit, default);
        (await store.GetAsync("/t/a", default)).ShouldNotBeNull().Value.ShouldBe("1");
    }

    private static Task<StoreTransactionResult> WriteAsync(IClusterStore store, string value) =>
        store.CommitAsync(new StoreTransaction([], [new StorePut("/t/a", value)]), default);
}
