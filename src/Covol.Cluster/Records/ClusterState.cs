using System.Collections.Immutable;
using Covol.Cluster.Store;
using Covol.Protocol.Ids;
using Covol.Protocol.Store;

namespace Covol.Cluster.Records;

/// <summary>All that the cluster store holds about a cluster, as one node has seen it. Immutable.</summary>
/// <param name="Revision">Everything up to here is in it.</param>
public sealed record ClusterState(StoreRevision Revision)
{
    public static ClusterState Empty { get; } = new(new StoreRevision(0));

    public ClusterRecord? Cluster { get; init; }

    public ImmutableSortedDictionary<int, Versioned<MemberRecord>> Members { get; init; } =
        ImmutableSortedDictionary<int, Versioned<MemberRecord>>.Empty;

    /// <summary>Members whose lease exists.</summary>
    public ImmutableSortedDictionary<int, Versioned<MemberLifeRecord>> Lives { get; init; } =
        ImmutableSortedDictionary<int, Versioned<MemberLifeRecord>>.Empty;

    public ImmutableSortedDictionary<int, Versioned<EvictionRecord>> Evictions { get; init; } =
        ImmutableSortedDictionary<int, Versioned<EvictionRecord>>.Empty;

    public ImmutableSortedDictionary<string, Versioned<VolumeRecord>> Volumes { get; init; } = Named<VolumeRecord>();

    public ImmutableSortedDictionary<string, Versioned<OwnershipRecord>> Ownerships { get; init; } = Named<OwnershipRecord>();

    public ImmutableSortedDictionary<string, Versioned<MoveOrder>> Moves { get; init; } = Named<MoveOrder>();

    public ImmutableSortedDictionary<string, Versioned<VirtualMachineRecord>> Machines { get; init; } =
        Named<VirtualMachineRecord>();

    public IEnumerable<NodeId> Nodes => Members.Keys.Select(node => new NodeId(node));

    /// <summary>The state after an update. A value that cannot be read throws <see cref="StoreRefusedException"/>.</summary>
    public ClusterState Apply(StoreKeys keys, StoreUpdate update)
    {
        var state = update.IsSnapshot ? Empty : this;
        foreach (var change in update.Changes)
        {
            state = state.Apply(keys, change);
        }

        return state with { Revision = update.Revision };
    }

    private ClusterState Apply(StoreKeys keys, StoreChange change)
    {
        if (change.Key == keys.Cluster)
        {
            return this with { Cluster = change.Entry is { } entry ? StoreJson.Read<ClusterRecord>(entry) : null };
        }

        return StoreKeys.NodeBelow(keys.Members, change.Key) is { } member ? this with { Members = Set(Members, member.Value, change) }
            : StoreKeys.NodeBelow(keys.Lives, change.Key) is { } life ? this with { Lives = Set(Lives, life.Value, change) }
            : StoreKeys.NodeBelow(keys.Evictions, change.Key) is { } evicted
                ? this with { Evictions = Set(Evictions, evicted.Value, change) }
            : StoreKeys.NameBelow(keys.Volumes, change.Key) is { } volume ? this with { Volumes = Set(Volumes, volume, change) }
            : StoreKeys.NameBelow(keys.Ownerships, change.Key) is { } owned
                ? this with { Ownerships = Set(Ownerships, owned, change) }
            : StoreKeys.NameBelow(keys.Moves, change.Key) is { } moved ? this with { Moves = Set(Moves, moved, change) }
            : StoreKeys.NameBelow(keys.Machines, change.Key) is { } machine ? this with { Machines = Set(Machines, machine, change) }
            : this;
    }

    private static ImmutableSortedDictionary<TKey, Versioned<T>> Set<TKey, T>(
        ImmutableSortedDictionary<TKey, Versioned<T>> all, TKey name, StoreChange change)
        where TKey : notnull => change.Entry is { } entry
            ? all.SetItem(name, new Versioned<T>(StoreJson.Read<T>(entry), change.Revision))
            : all.Remove(name);

    private static ImmutableSortedDictionary<string, Versioned<T>> Named<T>() =>
        ImmutableSortedDictionary.Create<string, Versioned<T>>(StringComparer.Ordinal);
}
