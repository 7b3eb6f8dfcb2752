using System.Collections.Immutable;
using Covol.Cluster.Store;
using Covol.Protocol.Ids;
using Covol.Protocol.Store;

namespace Covol.Node;

/// <summary>The cluster store's records at one revision.</summary>
internal sealed record ClusterSnapshot(
    StoreRevision Revision,
    ImmutableDictionary<string, StoreEntry> Entries,
    ClusterRecord? Cluster,
    IReadOnlyDictionary<NodeId, MemberRecord> Members,
    IReadOnlyDictionary<NodeId, MemberLifeRecord> Lives,
    IReadOnlyDictionary<string, VolumeRecord> Volumes,
    IReadOnlyDictionary<string, (OwnershipRecord Record, StoreRevision Revision)> Ownerships,
    IReadOnlyDictionary<string, (VirtualMachineRecord Record, StoreRevision Revision)> Machines)
{
    public static ClusterSnapshot Empty { get; } = From(
        new StoreKeys("none"), new StoreRevision(0), ImmutableDictionary<string, StoreEntry>.Empty, (_, _) => { });

    /// <param name="keys">Names of the keys.</param>
    /// <param name="revision">Everything up to here is in it.</param>
    /// <param name="entries">All entries.</param>
    /// <param name="bad">Told of each record that cannot be read; it is left out, the others count.</param>
    public static ClusterSnapshot From(
        StoreKeys keys, StoreRevision revision, ImmutableDictionary<string, StoreEntry> entries, Action<string, string> bad)
    {
        var members = new Dictionary<NodeId, MemberRecord>();
        var lives = new Dictionary<NodeId, MemberLifeRecord>();
        var volumes = new Dictionary<string, VolumeRecord>();
        var ownerships = new Dictionary<string, (OwnershipRecord, StoreRevision)>();
        var machines = new Dictionary<string, (VirtualMachineRecord, StoreRevision)>();
        ClusterRecord? cluster = null;
        foreach (var (key, entry) in entries)
        {
            try
            {
                if (key == keys.Cluster)
                {
                    cluster = StoreJson.Read<ClusterRecord>(entry);
                }
                else if (StoreKeys.NodeBelow(keys.Members, key) is { } member)
                {
                    members[member] = StoreJson.Read<MemberRecord>(entry);
                }
                else if (StoreKeys.NodeBelow(keys.Lives, key) is { } life)
                {
                    lives[life] = StoreJson.Read<MemberLifeRecord>(entry);
                }
                else if (StoreKeys.NameBelow(keys.Volumes, key) is { } volume)
                {
                    volumes[volume] = StoreJson.Read<VolumeRecord>(entry);
                }
                else if (StoreKeys.NameBelow(keys.Ownerships, key) is { } owned)
                {
                    ownerships[owned] = (StoreJson.Read<OwnershipRecord>(entry), entry.Revision);
                }
                else if (StoreKeys.NameBelow(keys.Machines, key) is { } machine)
                {
                    machines[machine] = (StoreJson.Read<VirtualMachineRecord>(entry), entry.Revision);
                }
            }
            catch (StoreRefusedException failure)
            {
                bad(key, failure.Message);
            }
        }

        return new ClusterSnapshot(revision, entries, cluster, members, lives, volumes, ownerships, machines);
    }
}
