using Covol.Protocol.Ids;

namespace Covol.Protocol.Store;

/// <summary>
/// Names of all keys that Covol keeps in the cluster store. One folder a cluster, one a kind of record, below it the record's own
/// name; values are JSON (camelCase). Nothing outside this class puts a key together.
/// </summary>
/// <example>
/// <code>
/// /covol/1/lab/cluster                 ClusterRecord        made once
/// /covol/1/lab/members/2               MemberRecord         a node that belongs to the cluster
/// /covol/1/lab/alive/2                 MemberLifeRecord     under the node's lease: gone when it is
/// /covol/1/lab/evictions/2             EvictionRecord       the last eviction of a node
/// /covol/1/lab/volumes/Volume1         VolumeRecord         what an administrator said
/// /covol/1/lab/ownership/Volume1       OwnershipRecord      who coordinates it (changed by claims only)
/// /covol/1/lab/moves/Volume1           MoveOrder            an administrator's wish; gone when fulfilled
/// /covol/1/lab/machines/vm1            VirtualMachineRecord
/// /covol/1/lab/counters/incarnation/2  a number             the last data key incarnation of a node
/// /covol/1/lab/counters/attempt/2      a number             the last coordinator key attempt of a node
/// /covol/1/lab/counters/volume         a number             the last volume number
/// </code>
/// </example>
public sealed class StoreKeys
{
    /// <summary>Version of the names and shapes. Another one is another folder: nodes of two versions never misread each other.</summary>
    public const int Schema = 1;

    private const int ClusterNameLengthMax = 32;

    public StoreKeys(string cluster)
    {
        if (cluster.Length is 0 or > ClusterNameLengthMax || !cluster.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'))
        {
            throw new FormatException(
                $"'{cluster}' is not a cluster name: 1 to {ClusterNameLengthMax} letters, digits, '-' or '_'.");
        }

        Root = $"/covol/{Schema}/{cluster}/";
    }

    /// <summary>Prefix of everything of this cluster.</summary>
    public string Root { get; }

    public string Cluster => $"{Root}cluster";

    public string Members => $"{Root}members/";

    public string Lives => $"{Root}alive/";

    public string Evictions => $"{Root}evictions/";

    public string Volumes => $"{Root}volumes/";

    public string Ownerships => $"{Root}ownership/";

    public string Moves => $"{Root}moves/";

    public string Machines => $"{Root}machines/";

    public string VolumeCounter => $"{Root}counters/volume";

    public string Member(NodeId node) => $"{Members}{node.Value}";

    public string Life(NodeId node) => $"{Lives}{node.Value}";

    public string Eviction(NodeId node) => $"{Evictions}{node.Value}";

    public string Volume(string volume) => $"{Volumes}{volume}";

    public string Ownership(string volume) => $"{Ownerships}{volume}";

    public string Move(string volume) => $"{Moves}{volume}";

    public string Machine(string machine) => $"{Machines}{machine}";

    public string IncarnationCounter(NodeId node) => $"{Root}counters/incarnation/{node.Value}";

    public string AttemptCounter(NodeId node) => $"{Root}counters/attempt/{node.Value}";

    /// <summary>The last part of a key below one of the folders; null when the key lies elsewhere.</summary>
    public static string? NameBelow(string folder, string key) =>
        key.StartsWith(folder, StringComparison.Ordinal) ? key[folder.Length..] : null;

    /// <summary>The node of a key below one of the folders of nodes; null when the key lies elsewhere.</summary>
    public static NodeId? NodeBelow(string folder, string key) =>
        int.TryParse(NameBelow(folder, key), out var node) ? new NodeId(node) : null;
}
