using System.Collections.Immutable;
using Covol.Coordinator.Metadata;
using Covol.Ntfs;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Simulation.Disk;
using Covol.Simulation.Model;
using Covol.Simulation.Worlds;

namespace Covol.Simulation.Checks;

/// <summary>
/// Sits in the LUN and looks at each write that lands: only the newest coordinator writes metadata (I1), and nobody writes clusters that
/// are not his file's (I4). What becomes valid is looked at as a power cut at that moment would leave it (I7, SAFETY 12). Also tells which
/// sessions ended, as the journal says.
/// </summary>
internal sealed class LunWatch
{
    private readonly World _world;
    private readonly SimLun _lun;
    private readonly IVolumeKind _disk;
    private readonly Dictionary<string, long> _epochs = [];
    private readonly Dictionary<SessionId, Guid> _mounts = [];
    private ModelState? _state;
    private readonly Dictionary<ulong, List<int>> _clustersOf = [];
    private ulong[] _owners;

    /// <summary>What the records of the model's lap hold of clusters, as far as the last one that landed.</summary>
    private ImmutableDictionary<int, byte[]> _lap = ModelPages.None;
    private long _newest;

    public LunWatch(World world, SimLun lun, IVolumeKind disk)
    {
        _world = world;
        _lun = lun;
        _disk = disk;
        _owners = new ulong[disk.Clusters];
        lun.Landed = Landed;
    }

    /// <summary>The session of a mount ended: its locks and requests are no more.</summary>
    public Action<Guid>? SessionGone { get; set; }

    /// <summary>A session is over, and with it what it had not told of its tails.</summary>
    public Action<Guid>? TailsCut { get; set; }

    /// <summary>Gets the file whose tail is over, and its valid length in the same record.</summary>
    public Action<FileId, long>? TailEnded { get; set; }

    /// <summary>What was written to a file.</summary>
    public required Func<FileId, FileContent> ContentOf { get; init; }

    public long NewestEpoch => _newest;

    /// <summary>A coordinator process and the epoch it works under.</summary>
    public void Serves(string process, long epoch) => _epochs[process] = epoch;

    private void Landed(LunNexus nexus, LunWriter writer, long at, int length)
    {
        if (_disk.At(_lun, at) is { } commit)
        {
            Committed(writer, commit);
            return;
        }

        var epoch = _epochs.GetValueOrDefault(writer.Process, _newest);
        if (writer.File is null && epoch < _newest)
        {
            _world.Break("I1", $"{writer.Process} of epoch {epoch} wrote data at {at} after epoch {_newest} had replayed");
            return;
        }

        if (writer.File is null && epoch > _newest)
        {
            // Recovery: what the journal holds is written before the epoch's first record.
            return;
        }

        for (var place = at; place < at + length; place += SimLun.BlockSize)
        {
            var cluster = _disk.ClusterOf(place);
            var owner = _owners[cluster];
            if (writer.File is { } file ? owner != file.Reference.Record : owner == 0 && !_disk.HasMetadataAmongData)
            {
                var whose = owner == 0 ? "is nobody's" : $"belongs to record {owner}";
                _world.Break("I4", $"a write of {writer.Process} for {writer.File} landed in cluster {cluster}, which {whose}");
                return;
            }
        }
    }

    /// <summary>The real engine has carried a commit out.</summary>
    /// <param name="process">Whose.</param>
    /// <param name="epoch">Under which epoch.</param>
    /// <param name="change">What the commit adds to the coordinator's state.</param>
    /// <param name="changed">Records of files whose clusters may have changed, and where they lie now; null: the file is gone.</param>
    /// <param name="validOf">A file's valid length; null: it is gone.</param>
    public void EngineCommitted(
        string process,
        long epoch,
        ReadOnlyMemory<byte> change,
        IReadOnlyList<(ulong Record, FileMap? Map)> changed,
        Func<FileId, long?> validOf)
    {
        if (!IsOfNewest(process, epoch))
        {
            return;
        }

        foreach (var (record, _) in changed)
        {
            foreach (var cluster in _clustersOf.GetValueOrDefault(record) ?? [])
            {
                _owners[cluster] = 0;
            }

            _clustersOf.Remove(record);
        }

        foreach (var (record, map) in changed.Where(static file => file.Map is not null))
        {
            var clusters = _clustersOf[record] = [.. map!.Extents.SelectMany(ClustersOf)];
            foreach (var cluster in clusters)
            {
                if (_owners[cluster] != 0)
                {
                    _world.Break("I4", $"{process} gave cluster {cluster} to record {record}, which is record {_owners[cluster]}'s");
                    return;
                }

                _owners[cluster] = record;
            }
        }

        Tell(change, validOf);
    }

    /// <summary>The real engine has recovered the volume: this is all there is.</summary>
    /// <param name="process">For whom.</param>
    /// <param name="epoch">Under which epoch.</param>
    /// <param name="untold">Of a commit that was not told: what it adds to the coordinator's state.</param>
    /// <param name="files">As for <see cref="EngineCommitted"/>, every file.</param>
    /// <param name="validOf">As there.</param>
    public void EngineRecovered(
        string process,
        long epoch,
        ReadOnlyMemory<byte> untold,
        IReadOnlyList<(ulong Record, FileMap? Map)> files,
        Func<FileId, long?> validOf)
    {
        Array.Clear(_owners);
        _clustersOf.Clear();
        EngineCommitted(process, epoch, untold, files, validOf);
    }

    private IEnumerable<int> ClustersOf(FileExtent extent)
    {
        for (var place = extent.LunStart.Value; place < extent.LunEnd.Value; place += ModelDisk.ClusterSize)
        {
            yield return _disk.ClusterOf(place);
        }
    }

    private bool IsOfNewest(string process, long epoch)
    {
        if (epoch < _newest)
        {
            _world.Break("I1", $"{process} committed under epoch {epoch} after epoch {_newest} had replayed");
            return false;
        }

        _newest = epoch;
        return true;
    }

    private void Committed(LunWriter writer, ModelDisk.Commit commit)
    {
        if (!IsOfNewest(writer.Process, commit.Epoch))
        {
            return;
        }

        if (!ReferenceEquals(_state, commit.State))
        {
            LookAtValid(_state, commit);
            _state = commit.State;
            _owners = ModelVolume.Owners(_state, _disk.Clusters);
        }

        if (commit.Previous < 0)
        {
            LookAtLap(commit.State);
        }

        _lap = commit.Pages;

        Tell(commit.Change, file => commit.State.Inodes.TryGetValue(file.Reference.Record, out var inode) ? inode.ValidLength : null);
    }

    private void Tell(ReadOnlyMemory<byte> encoded, Func<FileId, long?> validOf)
    {
        if (encoded.IsEmpty)
        {
            return;
        }

        foreach (var change in StateCodec.Decode(encoded).Changes)
        {
            switch (change)
            {
                case StateChange.SessionKept kept:
                    _mounts[kept.Session] = kept.MountId;
                    break;
                case StateChange.TailEnded ended when validOf(ended.File) is { } valid:
                    _world.Trace("lun", $"the tail of {ended.File} is over at {valid}");
                    TailEnded?.Invoke(ended.File, valid);
                    break;
                case StateChange.TailsCut cut when _mounts.TryGetValue(cut.Session, out var cutMount):
                    _world.Trace("lun", $"{cut.Session} is cut");
                    TailsCut?.Invoke(cutMount);
                    break;
                case StateChange.SessionGone gone when _mounts.TryGetValue(gone.Session, out var mount):
                    _world.Trace("lun", $"{gone.Session} is gone");
                    SessionGone?.Invoke(mount);
                    break;
                default:
                    break;
            }
        }
    }

    /// <summary>The lap is over: data that only its records held has to be in its place by now.</summary>
    private void LookAtLap(ModelState state)
    {
        foreach (var inode in _lap.IsEmpty ? [] : state.Inodes.Values)
        {
            for (var index = 0; (long)index * ModelDisk.ClusterSize < inode.ValidLength; index++)
            {
                var cluster = inode.Clusters[index];
                var length = (int)Math.Min(ModelDisk.ClusterSize, inode.ValidLength - ((long)index * ModelDisk.ClusterSize));
                if (_lap.TryGetValue(cluster, out var page)
                    && !_lun.Stable(ModelDisk.ClusterAt(cluster), length).SequenceEqual(page.AsSpan(0, length)))
                {
                    _world.Break("I6", $"a lap ended while data of {inode.File} in cluster {cluster} was stable in its records only");
                    return;
                }
            }
        }
    }

    /// <summary>The power was cut: a record that was not flushed is gone, and with it what it held.</summary>
    public void PowerCut() => _lap = ModelPages.None;

    /// <summary>What this commit makes valid: behind the valid length that was, and where a hole was.</summary>
    private void LookAtValid(ModelState? before, ModelDisk.Commit after)
    {
        foreach (var (record, inode) in after.State.Inodes)
        {
            var was = before?.Inodes.GetValueOrDefault(record);
            if (ReferenceEquals(inode, was) || inode.Kind != FileKind.Regular)
            {
                continue;
            }

            for (long at = 0; at < inode.ValidLength; at += FileContent.Granule)
            {
                var index = (int)(at / ModelDisk.ClusterSize);
                var cluster = inode.Clusters[index];
                var isOld = was is not null && at < was.ValidLength && was.Clusters[index] == cluster;
                if (isOld || cluster == ModelInode.Hole)
                {
                    continue;
                }

                var within = (int)(at % ModelDisk.ClusterSize);
                var content = after.Pages.TryGetValue(cluster, out var page)
                    ? page.AsSpan(within, FileContent.Granule)
                    : _lun.Stable(ModelDisk.ClusterAt(cluster) + within, FileContent.Granule);
                if (!ContentOf(inode.File).Has(content))
                {
                    var granule = at / FileContent.Granule;
                    _world.Break("I7", $"granule {granule} of {inode.File} became valid while a power cut would show what its cluster held before");
                    return;
                }
            }
        }
    }
}
