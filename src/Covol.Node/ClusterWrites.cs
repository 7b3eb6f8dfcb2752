using Covol.Cluster.Store;
using Covol.Protocol.Store;

namespace Covol.Node;

/// <summary>Changes of the cluster store that read, decide and compare, again when somebody was faster.</summary>
internal static class ClusterWrites
{
    private const int TriesMax = 16;

    /// <summary>
    /// Changes one record. <paramref name="change"/> gets what is there (null: nothing) and answers what shall be there (null: nothing);
    /// it may throw <see cref="NodeException"/> to refuse, and may be asked again.
    /// </summary>
    /// <returns>What is there now.</returns>
    public static async Task<T?> ChangeAsync<T>(IClusterStore store, string key, Func<T?, T?> change, CancellationToken cancellation)
        where T : class
    {
        for (var attempt = 0; attempt < TriesMax; attempt++)
        {
            var entry = await store.GetAsync(key, cancellation).ConfigureAwait(false);
            var before = entry is null ? null : StoreJson.Read<T>(entry);
            var after = change(before);
            if (after is null && before is null || (after is not null && after.Equals(before)))
            {
                return after;
            }

            var result = await store.CommitAsync(
                new StoreTransaction(
                    [new StoreCompare(key, entry?.Revision ?? new StoreRevision(0))],
                    [after is null ? new StoreDelete(key) : new StorePut(key, StoreJson.Write(after))]),
                cancellation).ConfigureAwait(false);
            if (result.Succeeded)
            {
                return after;
            }
        }

        throw new NodeException($"The cluster store's record {key} changes all the time; try again.");
    }

    /// <summary>The next number of a counter, handed out once. Begins with 1.</summary>
    public static async Task<long> NextAsync(IClusterStore store, string key, CancellationToken cancellation)
    {
        for (var attempt = 0; attempt < TriesMax; attempt++)
        {
            var entry = await store.GetAsync(key, cancellation).ConfigureAwait(false);
            var next = entry is null ? 1 : checked(long.Parse(entry.Value, System.Globalization.CultureInfo.InvariantCulture) + 1);
            var result = await store.CommitAsync(
                new StoreTransaction(
                    [new StoreCompare(key, entry?.Revision ?? new StoreRevision(0))],
                    [new StorePut(key, next.ToString(System.Globalization.CultureInfo.InvariantCulture))]),
                cancellation).ConfigureAwait(false);
            if (result.Succeeded)
            {
                return next;
            }
        }

        throw new NodeException($"The cluster store's counter {key} changes all the time; try again.");
    }
}
