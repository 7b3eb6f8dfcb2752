using System.Globalization;
using Covol.Cluster.Store;
using Covol.Protocol.Ids;
using Covol.Protocol.Ownership;
using Covol.Protocol.Store;

namespace Covol.Cluster.Records;

/// <summary>
/// Hands out reservation keys that were never handed out before: each number is taken from a counter in the store by a
/// transaction, so that one lost on the way is skipped and never comes twice. Any thread.
/// </summary>
public sealed class KeyAllocator
{
    /// <summary>Only this node counts its own counters up, so more than a few rivals are a fault.</summary>
    private const int TriesMax = 32;

    private readonly IClusterStore _store;
    private readonly StoreKeys _keys;
    private readonly int _tag;

    public KeyAllocator(IClusterStore store, StoreKeys keys, ClusterRecord cluster)
    {
        _store = store;
        _keys = keys;
        _tag = cluster.Tag;
    }

    /// <summary>
    /// The key of a new life of a node's data path, on its first path. Throws <see cref="NodeEvictedException"/> where the node was evicted
    /// since the mount process that wants it began: what that process holds (locks, open files) is given to others, so it must not come
    /// back under a key that the eviction does not name. The transaction compares the record, so an eviction is either seen here or
    /// names the new key too.
    /// </summary>
    /// <param name="node">Whose.</param>
    /// <param name="obeyedEviction">Number of the last eviction that this node has obeyed; 0: it had none.</param>
    /// <param name="cancellation">Gives up; a number may be lost.</param>
    public async Task<ReservationKey> NewDataKeyAsync(NodeId node, long obeyedEviction, CancellationToken cancellation)
    {
        var record = _keys.Eviction(node);
        for (var attempt = 0; attempt < TriesMax; attempt++)
        {
            var found = await _store.GetAsync(record, cancellation).ConfigureAwait(false);
            if (found is not null && StoreJson.Read<EvictionRecord>(found) is { } eviction && eviction.Number > obeyedEviction)
            {
                throw new NodeEvictedException(eviction);
            }

            var unchanged = new StoreCompare(record, found?.Revision ?? new StoreRevision(0));
            if (await TryNextAsync(_keys.IncarnationCounter(node), [unchanged], cancellation).ConfigureAwait(false) is { } incarnation)
            {
                return KeyLayout.DataKey(_tag, node, incarnation);
            }
        }

        throw Busy(_keys.IncarnationCounter(node));
    }

    /// <summary>The key of one coordinator process.</summary>
    public async Task<ReservationKey> NewCoordinatorKeyAsync(NodeId node, int volumeNumber, CancellationToken cancellation) =>
        KeyLayout.CoordinatorKey(
            _tag, node, volumeNumber, await NextAsync(_keys.AttemptCounter(node), cancellation).ConfigureAwait(false));

    /// <summary>The last number that a counter gave; 0: none.</summary>
    internal static long Counted(StoreEntry? counter) => counter is null ? 0 : long.Parse(counter.Value, CultureInfo.InvariantCulture);

    internal Task<long> NewVolumeNumberAsync(CancellationToken cancellation) => NextAsync(_keys.VolumeCounter, cancellation);

    private async Task<long> NextAsync(string counter, CancellationToken cancellation)
    {
        for (var attempt = 0; attempt < TriesMax; attempt++)
        {
            if (await TryNextAsync(counter, [], cancellation).ConfigureAwait(false) is { } next)
            {
                return next;
            }
        }

        throw Busy(counter);
    }

    /// <summary>Null: somebody else changed the counter or what else is compared.</summary>
    private async Task<long?> TryNextAsync(string counter, IReadOnlyList<StoreCompare> alsoUnchanged, CancellationToken cancellation)
    {
        var entry = await _store.GetAsync(counter, cancellation).ConfigureAwait(false);
        var next = checked(Counted(entry) + 1);
        var result = await _store
            .CommitAsync(
                new StoreTransaction(
                    [new StoreCompare(counter, entry?.Revision ?? new StoreRevision(0)), .. alsoUnchanged],
                    [new StorePut(counter, next.ToString(CultureInfo.InvariantCulture))]),
                cancellation)
            .ConfigureAwait(false);
        return result.Succeeded ? next : null;
    }

    private static StoreUnavailableException Busy(string counter) =>
        new($"'{counter}' of the cluster store is changed by others all the time.");
}
