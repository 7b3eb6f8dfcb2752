using Covol.Cluster.Store;
using Shouldly;
using Xunit;

namespace Covol.Tests.Cluster;

/// <summary>The memory store keeps the contract.</summary>
public sealed class MemoryStoreTests : ClusterStoreContract, IAsyncDisposable
{
    private readonly ManualTime _time = new();
    private readonly MemoryStore _store;

    public MemoryStoreTests() => _store = new MemoryStore(_time);

    protected override IClusterStore Store => _store;

    [Fact]
    public async Task Without_a_quorum_nothing_is_answered_and_afterwards_nothing_was_lost()
    {
        await using var watch = _store.WatchAsync($"{Folder}w/", default).GetAsyncEnumerator();
        await NextAsync(watch);
        _store.IsAvailable = false;

        await Should.ThrowAsync<StoreUnavailableException>(() => PutAsync("w/a", "1"));
        _store.IsAvailable = true;
        await PutAsync("w/a", "2");

        (await NextChangesAsync(watch, 1)).ShouldHaveSingleItem().Entry.ShouldNotBeNull().Value.ShouldBe("2");
    }

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    protected override async Task LetTimePassUntilAsync(Func<Task<bool>> condition)
    {
        for (var step = 0; step < 100; step++)
        {
            if (await condition())
            {
                return;
            }

            _time.Advance(TimeSpan.FromMilliseconds(100));
        }

        (await condition()).ShouldBeTrue();
    }

    protected override Task CompactAsync()
    {
        _store.Compact();
        return Task.CompletedTask;
    }
}
