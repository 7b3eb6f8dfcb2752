using System.Security.Cryptography;
using Covol.Cluster.Store;
using Covol.Protocol.Ids;
using Covol.Protocol.Membership;
using Covol.Protocol.Ownership;
using Covol.Protocol.Store;

namespace Covol.Cluster.Records;

/// <summary>
/// What administrators and nodes write into the cluster store besides ownership. Any thread. Refusals are
/// <see cref="StoreRefusedException"/> with a sentence.
/// </summary>
public sealed class ClusterRecords
{
    /// <summary>Rivals write the same record or take keys; more than a few rounds are a fault.</summary>
    private const int EvictTriesMax = 8;

    private readonly IClusterStore _store;
    private readonly StoreKeys _keys;

    public ClusterRecords(IClusterStore store, StoreKeys keys)
    {
        _store = store;
        _keys = keys;
    }

    /// <summary>The cluster, made now if nobody made it before.</summary>
    public async Task<ClusterRecord> EnsureClusterAsync(string name, CancellationToken cancellation)
    {
        var made = new ClusterRecord(name, Guid.NewGuid(), RandomNumberGenerator.GetInt32(1, KeyLayout.TagMax + 1));
        var result = await CreateAsync(_keys.Cluster, StoreJson.Write(made), cancellation).ConfigureAwait(false);
        return result.Succeeded ? made : StoreJson.Read<ClusterRecord>(result.Current[0]);
    }

    /// <summary>Adds a node, or renews what it says of itself.</summary>
    public Task JoinAsync(MemberRecord member, CancellationToken cancellation) => _store.CommitAsync(
        new StoreTransaction([], [new StorePut(_keys.Member(member.Node), StoreJson.Write(member))]), cancellation);

    /// <summary>A new volume on a formatted LUN; <paramref name="first"/> claims it. Its number is never used again.</summary>
    public Task<VolumeRecord> AddVolumeAsync(
        ClusterRecord cluster, VolumeName name, string lunUri, NodeId? first, CancellationToken cancellation) =>
        AddVolumeAsync(cluster, name, lunUri, first, noFencing: false, cancellation);

    /// <summary>The same where the administrator may have said that its LUN need not be fenced.</summary>
    public async Task<VolumeRecord> AddVolumeAsync(
        ClusterRecord cluster, VolumeName name, string lunUri, NodeId? first, bool noFencing, CancellationToken cancellation)
    {
        var number = await new KeyAllocator(_store, _keys, cluster).NewVolumeNumberAsync(cancellation).ConfigureAwait(false);
        if (number > KeyLayout.VolumeNumberMax)
        {
            throw new StoreRefusedException($"This cluster has had {KeyLayout.VolumeNumberMax} volumes, more it cannot number.");
        }

        var volume = new VolumeRecord(name.Value, (int)number, lunUri, NoFencing: noFencing);
        var absent = new StoreRevision(0);
        var result = await _store
            .CommitAsync(
                new StoreTransaction(
                    [new StoreCompare(_keys.Volume(name.Value), absent), new StoreCompare(_keys.Ownership(name.Value), absent)],
                    [
                        new StorePut(_keys.Volume(name.Value), StoreJson.Write(volume)),
                        new StorePut(_keys.Ownership(name.Value), StoreJson.Write(OwnershipRecord.Unowned(name.Value, first))),
                    ]),
                cancellation)
            .ConfigureAwait(false);
        return result.Succeeded || result.Current.Any(entry => entry.Value == StoreJson.Write(volume))
            ? volume
            : throw new StoreRefusedException($"A volume '{name}' exists already.");
    }

    /// <summary>Forgets a volume that nobody coordinates: order it offline first.</summary>
    public async Task RemoveVolumeAsync(VolumeName name, CancellationToken cancellation)
    {
        var owned = await _store.GetAsync(_keys.Ownership(name.Value), cancellation).ConfigureAwait(false)
            ?? throw new StoreRefusedException($"There is no volume '{name}'.");
        if (StoreJson.Read<OwnershipRecord>(owned).Owner is { } owner)
        {
            throw new StoreRefusedException($"Volume '{name}' is coordinated by {owner}. Take it offline first.");
        }

        var result = await _store
            .CommitAsync(
                new StoreTransaction(
                    [new StoreCompare(owned.Key, owned.Revision)],
                    [
                        new StoreDelete(_keys.Volume(name.Value)),
                        new StoreDelete(_keys.Ownership(name.Value)),
                        new StoreDelete(_keys.Move(name.Value)),
                    ]),
                cancellation)
            .ConfigureAwait(false);
        if (!result.Succeeded && result.Current.Count > 0)
        {
            throw new StoreRefusedException($"Volume '{name}' was claimed meanwhile. Take it offline first.");
        }
    }

    /// <summary>
    /// Names a key that will write on the LUN of a volume that is offline, before it is registered: whoever claims the volume next fences it
    /// (SAFETY 2). Throws where the volume is not offline.
    /// </summary>
    public async Task NameWriterAsync(VolumeName name, ReservationKey key, CancellationToken cancellation)
    {
        var owned = await _store.GetAsync(_keys.Ownership(name.Value), cancellation).ConfigureAwait(false)
            ?? throw new StoreRefusedException($"There is no volume '{name}'.");
        var record = StoreJson.Read<OwnershipRecord>(owned);
        if (record is not { Owner: null, Offline: true })
        {
            throw new StoreRefusedException($"Volume '{name}' is not offline. Take it offline first.");
        }

        var named = StoreJson.Write(record with { KeysToFence = [.. record.KeysToFence, key] });
        var result = await _store
            .CommitAsync(
                new StoreTransaction([new StoreCompare(owned.Key, owned.Revision)], [new StorePut(owned.Key, named)]), cancellation)
            .ConfigureAwait(false);
        if (!result.Succeeded && result.Current.All(entry => entry.Value != named))
        {
            throw new StoreRefusedException($"Volume '{name}' was claimed meanwhile. Take it offline first.");
        }
    }

    /// <summary>Orders a volume to a node, or offline. Its owner carries it out; a later order replaces this one.</summary>
    public async Task OrderMoveAsync(VolumeName name, NodeId? target, CancellationToken cancellation)
    {
        if (await _store.GetAsync(_keys.Volume(name.Value), cancellation).ConfigureAwait(false) is null)
        {
            throw new StoreRefusedException($"There is no volume '{name}'.");
        }

        var order = StoreJson.Write(new MoveOrder(name.Value, target));
        await _store.CommitAsync(new StoreTransaction([], [new StorePut(_keys.Move(name.Value), order)]), cancellation)
            .ConfigureAwait(false);
    }

    /// <summary>
    /// Puts the eviction of a node on record, where there is something to evict and the verdict is not outdated. Nothing may be fenced before.
    /// </summary>
    /// <param name="node">Who is taken for dead.</param>
    /// <param name="by">Who says so.</param>
    /// <param name="reason">Why, as a sentence.</param>
    /// <param name="condemnedAt">How much of the store was known when the verdict fell.</param>
    /// <param name="cancellation">Gives up; the record may have been written.</param>
    public async Task<(EvictionOutcome Outcome, EvictionRecord? Record)> EvictAsync(
        NodeId node, NodeId by, string reason, StoreRevision condemnedAt, CancellationToken cancellation)
    {
        for (var attempt = 0; attempt < EvictTriesMax; attempt++)
        {
            var last = await _store.GetAsync(_keys.Eviction(node), cancellation).ConfigureAwait(false);
            var life = await _store.GetAsync(_keys.Life(node), cancellation).ConfigureAwait(false);
            var counter = await _store.GetAsync(_keys.IncarnationCounter(node), cancellation).ConfigureAwait(false);
            var absent = new StoreRevision(0);
            var found = new EvictionCase(
                node,
                condemnedAt,
                last is null ? null : StoreJson.Read<EvictionRecord>(last),
                last?.Revision ?? absent,
                life?.Revision ?? absent,
                KeyAllocator.Counted(counter));
            if (found.Decide(by, reason) is not { } record)
            {
                return (found.IsOutdated ? EvictionOutcome.Outdated : EvictionOutcome.NothingToEvict, null);
            }

            var result = await _store
                .CommitAsync(
                    new StoreTransaction(
                        [
                            new StoreCompare(_keys.Eviction(node), found.LastRevision),
                            new StoreCompare(_keys.Life(node), found.LifeRevision),
                            new StoreCompare(_keys.IncarnationCounter(node), counter?.Revision ?? absent),
                        ],
                        [new StorePut(_keys.Eviction(node), StoreJson.Write(record))]),
                    cancellation)
                .ConfigureAwait(false);
            if (result.Succeeded)
            {
                return (EvictionOutcome.Recorded, record);
            }
        }

        throw new StoreUnavailableException($"What the cluster store says of {node} changes all the time.");
    }

    /// <summary>Writes a virtual machine's record if it still has this revision (0: is new). Null: it has another one.</summary>
    public async Task<StoreRevision?> TryWriteMachineAsync(
        VirtualMachineRecord machine, StoreRevision expected, CancellationToken cancellation)
    {
        var key = _keys.Machine(machine.Definition.Name);
        var value = StoreJson.Write(machine);
        var result = await _store
            .CommitAsync(new StoreTransaction([new StoreCompare(key, expected)], [new StorePut(key, value)]), cancellation)
            .ConfigureAwait(false);

        // A first sending whose answer was lost may have written exactly this.
        return result.Succeeded ? result.Revision
            : result.Current.FirstOrDefault(entry => entry.Value == value)?.Revision;
    }

    /// <summary>Deletes a virtual machine's record if it still has this revision.</summary>
    public async Task<bool> TryRemoveMachineAsync(string machine, StoreRevision expected, CancellationToken cancellation)
    {
        var key = _keys.Machine(machine);
        var result = await _store
            .CommitAsync(new StoreTransaction([new StoreCompare(key, expected)], [new StoreDelete(key)]), cancellation)
            .ConfigureAwait(false);
        return result.Succeeded || result.Current.Count == 0;
    }

    private Task<StoreTransactionResult> CreateAsync(string key, string value, CancellationToken cancellation) => _store.CommitAsync(
        new StoreTransaction([new StoreCompare(key, new StoreRevision(0))], [new StorePut(key, value)]), cancellation);
}
