using System.Net.Http.Json;
using Covol.Cluster.Etcd;
using Covol.Cluster.Store;
using Covol.Tests.Cluster;
using Shouldly;
using Xunit;

namespace Covol.IntegrationTests.Cluster;

/// <summary>A real etcd keeps the contract.</summary>
public sealed class EtcdStoreTests : ClusterStoreContract, IAsyncLifetime, IAsyncDisposable
{
    private EtcdFixture? _etcd;
    private EtcdStore? _store;

    protected override IClusterStore Store => _store ?? throw new InvalidOperationException("etcd was not started.");

    public async Task InitializeAsync()
    {
        _etcd = await EtcdFixture.StartAsync(members: 1);
        _store = _etcd.Connect();
    }

    public async Task DisposeAsync()
    {
        if (_store is not null)
        {
            await _store.DisposeAsync();
        }

        if (_etcd is not null)
        {
            await _etcd.DisposeAsync();
        }
    }

    async ValueTask IAsyncDisposable.DisposeAsync() => await DisposeAsync();

    [StoreFact]
    public async Task A_watch_goes_on_after_its_etcd_was_restarted_on_its_data()
    {
        await using var watch = Store.WatchAsync($"{Folder}w/", default).GetAsyncEnumerator();
        await NextAsync(watch);
        await PutAsync("w/a", "1");
        await NextChangesAsync(watch, 1);

        await _etcd!.Members[0].StopAsync(default);
        await Should.ThrowAsync<StoreUnavailableException>(() => PutAsync("w/a", "2"));
        _etcd.Members[0].Start();
        await _etcd.Members[0].WaitUntilHealthyAsync(TimeSpan.FromSeconds(30), default);
        await PutAsync("w/b", "3");

        (await NextChangesAsync(watch, 1)).ShouldHaveSingleItem().Entry.ShouldNotBeNull().Value.ShouldBe("3");
        (await Store.GetAsync($"{Folder}w/a", default)).ShouldNotBeNull().Value.ShouldBe("1");
    }

    [StoreFact]
    public async Task A_silent_watch_learns_of_a_compaction_while_it_was_disconnected()
    {
        await using var watch = Store.WatchAsync($"{Folder}w/", default).GetAsyncEnumerator();
        await NextAsync(watch);
        await _etcd!.Members[0].StopAsync(default);
        _etcd.Members[0].Start();
        await _etcd.Members[0].WaitUntilHealthyAsync(TimeSpan.FromSeconds(30), default);

        await PutAsync("w/a", "1");
        await CompactAsync();

        (await NextAsync(watch)).Changes.ShouldContain(change => change.Entry!.Value == "1");
    }

    protected override async Task LetTimePassUntilAsync(Func<Task<bool>> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(200));
        while (!await condition())
        {
            await tick.WaitForNextTickAsync(limit.Token);
        }
    }

    protected override async Task CompactAsync()
    {
        var revision = (await Store.GetRangeAsync(Folder, default)).Revision.Value;
        using var http = new HttpClient();
        var answer = await http.PostAsJsonAsync(new Uri(_etcd!.Endpoints[0], "v3/kv/compaction"), new { revision, physical = true });
        answer.EnsureSuccessStatusCode();
    }
}
