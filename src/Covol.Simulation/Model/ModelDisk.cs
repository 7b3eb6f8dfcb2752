using System.Buffers.Binary;
using System.Collections.Immutable;
using Covol.Lun;
using Covol.Ntfs;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Simulation.Disk;
using Covol.Simulation.Parts;
using Covol.Simulation.Worlds;

namespace Covol.Simulation.Model;

/// <summary>
/// How a model volume lies on the simulated LUN: a superblock, a ring of commit markers, data. A marker is one real block, so it is refused,
/// lost, torn away or lands late like any write; what it stands for is kept here under its number.
/// </summary>
internal sealed class ModelDisk : IVolumeKind
{
    public const int ClusterSize = 4096;

    /// <summary>Blocks of superblock and markers, before the first data cluster.</summary>
    private const int JournalBlocks = 64;

    private const long Magic = 0x4C45_444F_4D4C_4F56;

    private readonly List<Commit> _commits = [];

    public ModelDisk(int clusters) => Clusters = clusters;

    /// <summary>Data clusters.</summary>
    public int Clusters { get; }

    public int Size => (JournalBlocks * SimLun.BlockSize) + (Clusters * ClusterSize);

    public static int MarkersMax => JournalBlocks - 1;

    public static long ClusterAt(int cluster) => (JournalBlocks * SimLun.BlockSize) + ((long)cluster * ClusterSize);

    public bool HasMetadataAmongData => false;

    int IVolumeKind.ClusterOf(long place) => ClusterOf(place);

    public (INtfsVolume Volume, JournalRecovery Recovery) Open(LunNexus device, Epoch epoch, Rules rules, SimProcess process) =>
        ModelVolume.Open(this, device, epoch, rules);

    /// <summary>Its commits are whole by nature.</summary>
    public string? Check(SimLun lun) => null;

    public void Dispose()
    {
        // Nothing is held outside.
    }

    /// <summary>Which data cluster a place is in; negative in the journal.</summary>
    public static int ClusterOf(long place)
    {
        var into = place - (JournalBlocks * SimLun.BlockSize);
        return into < 0 ? -1 : (int)(into / ClusterSize);
    }

    public Commit Of(long number) => _commits[(int)number];

    /// <summary>An empty volume.</summary>
    public void Format(SimLun lun)
    {
        var root = new FileId(new FileReference(5, 1), 1);
        var state = new ModelState
        {
            LastRecord = 5,
            FreeCount = Clusters,
            Free = [],
        };
        for (var cluster = Clusters - 1; cluster >= 0; cluster--)
        {
            state = state with { Free = state.Free.Push(cluster) };
        }

        state = state with
        {
            Inodes = state.Inodes.Add(5, new ModelInode { File = root, Kind = FileKind.Directory, Mode = 0x1FF }),
        };
        var marker = new byte[SimLun.BlockSize];
        Encode(marker, Keep(new Commit(0, 1, 0, -1, state, new JournalRecovery(default, []), default, ModelPages.None)));
        lun.Land(null!, new LunWriter(null, "format"), 0, marker);
        lun.Flush();
    }

    public Commit Keep(Commit commit)
    {
        var kept = commit with { Number = _commits.Count };
        _commits.Add(kept);
        return kept;
    }

    /// <summary>The newest commit that the LUN's markers lead to.</summary>
    public Commit Recover(IBlockDevice device, bool replays)
    {
        var last = Decode(device, 0)
            ?? throw new NtfsRefusedException("The LUN holds no model volume: its superblock is gone.");
        for (var index = 1; replays && index < JournalBlocks; index++)
        {
            if (Decode(device, index) is not { } next || next.Lap != last.Lap || next.Epoch != last.Epoch
                || next.Previous != last.Number)
            {
                break;
            }

            last = next;
        }

        return last;
    }

    public static void Write(IBlockDevice device, int index, Commit commit)
    {
        var marker = new byte[SimLun.BlockSize];
        Encode(marker, commit);
        device.Write(new LunByteOffset((long)index * SimLun.BlockSize), marker);
    }

    /// <summary>The commit that a block in the journal stands for; null elsewhere.</summary>
    public Commit? At(SimLun lun, long place)
    {
        if (place >= JournalBlocks * SimLun.BlockSize)
        {
            return null;
        }

        var marker = new byte[SimLun.BlockSize];
        lun.Read(place, marker);
        return Of(BinaryPrimitives.ReadInt64LittleEndian(marker.AsSpan(8)));
    }

    private static void Encode(Span<byte> marker, Commit commit)
    {
        BinaryPrimitives.WriteInt64LittleEndian(marker, Magic);
        BinaryPrimitives.WriteInt64LittleEndian(marker[8..], commit.Number);
    }

    private Commit? Decode(IBlockDevice device, int index)
    {
        var marker = new byte[SimLun.BlockSize];
        device.Read(new LunByteOffset((long)index * SimLun.BlockSize), marker);
        return BinaryPrimitives.ReadInt64LittleEndian(marker) == Magic
            ? Of(BinaryPrimitives.ReadInt64LittleEndian(marker.AsSpan(8)))
            : null;
    }

    /// <param name="Number">Its own.</param>
    /// <param name="Lap">Of the ring.</param>
    /// <param name="Epoch">Who wrote it.</param>
    /// <param name="Previous">The one before it in its lap.</param>
    /// <param name="State">The volume after it.</param>
    /// <param name="Caller">The coordinator's own state after it.</param>
    /// <param name="Change">What this commit adds to the coordinator's state.</param>
    /// <param name="Pages">What the lap's records hold of clusters: recovery writes it again.</param>
    internal sealed record Commit(
        long Number,
        long Lap,
        long Epoch,
        long Previous,
        ModelState State,
        JournalRecovery Caller,
        ReadOnlyMemory<byte> Change,
        ImmutableDictionary<int, byte[]> Pages);
}
