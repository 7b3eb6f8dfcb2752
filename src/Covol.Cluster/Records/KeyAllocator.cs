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

    /// <summary>The key of a new life of a node's data path, on its first path.</summary>
    public async Task<ReservationKey> NewDataKeyAsync(NodeId node, CancellationToken cancellation) =>
        KeyLayout.DataKey(_tag, node, await NextAsync(_keys.IncarnationCounter(node), cancellation).ConfigureAwait(false));

    /// <summary>The key of one coordinator process.</summary>
    public async Task<ReservationKey> NewCoordinatorKeyAsync(NodeId node, int volumeNumber, CancellationToken cancellation) =>
        KeyLayout.CoordinatorKey(
            _tag, node, volumeNumber, await NextAsync(_keys.AttemptCounter(node), cancellation).ConfigureAwait(false));

    internal Task<long> NewVolumeNumberAsync(CancellationToken cancellation) => NextAsync(_keys.VolumeCounter, cancellation);

    private async Task<long> NextAsync(string counter, CancellationToken cancellation)
    {
        for (var attempt = 0; attempt < TriesMax; attempt++)
        {
            var entry = await _store.GetAsync(counter, cancellation).ConfigureAwait(false);
            var last = entry is null ? 0 : long.Parse(entry.Value, CultureInfo.InvariantCulture);
            var next = checked(last + 1);
            var result = await _store
                .CommitAsync(
                    new StoreTransaction(
                        [new StoreCompare(counter, entry?.Revision ?? new StoreRevision(0))],
                        [new StorePut(counter, next.ToString(CultureInfo.InvariantCulture))]),
                    cancellation)
                .ConfigureAwait(false);
            if (result.Succeeded)
            {
                return next;
            }
        }

        throw new StoreUnavailableException($"'{counter}' of the cluster store is changed by others all the time.");
    }
}
