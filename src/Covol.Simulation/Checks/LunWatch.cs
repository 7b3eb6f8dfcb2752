using Covol.Coordinator.Metadata;
using Covol.Protocol.Ids;
using Covol.Simulation.Disk;
using Covol.Simulation.Model;
using Covol.Simulation.Worlds;

namespace Covol.Simulation.Checks;

/// <summary>
/// Sits in the LUN and looks at each write that lands: only the newest coordinator writes metadata (I1), and nobody writes clusters that
/// are not his file's (I4). Also tells which sessions ended, as the journal says.
/// </summary>
internal sealed class LunWatch
{
    private readonly World _world;
    private readonly SimLun _lun;
    private readonly ModelDisk _disk;
    private readonly Dictionary<string, long> _epochs = [];
    private readonly Dictionary<SessionId, Guid> _mounts = [];
    private ModelState? _state;
    private ulong[] _owners = [];
    private long _newest;

    public LunWatch(World world, SimLun lun, ModelDisk disk)
    {
        _world = world;
        _lun = lun;
        _disk = disk;
        lun.Landed = Landed;
    }

    /// <summary>The session of a mount ended: its locks and requests are no more.</summary>
    public Action<Guid>? SessionGone { get; set; }

    /// <summary>A session is over, and with it what it had not told of its tails.</summary>
    public Action<Guid>? TailsCut { get; set; }

    /// <summary>Gets the file whose tail is over, and its valid length in the same record.</summary>
    public Action<FileId, long>? TailEnded { get; set; }

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
            var cluster = ModelDisk.ClusterOf(place);
            var owner = _owners[cluster];
            if (writer.File is { } file ? owner != file.Reference.Record : owner == 0)
            {
                var whose = owner == 0 ? "is nobody's" : $"belongs to record {owner}";
                _world.Break("I4", $"a write of {writer.Process} for {writer.File} landed in cluster {cluster}, which {whose}");
                return;
            }
        }
    }

    private void Committed(LunWriter writer, ModelDisk.Commit commit)
    {
        if (commit.Epoch < _newest)
        {
            _world.Break("I1", $"{writer.Process} committed under epoch {commit.Epoch} after epoch {_newest} had replayed");
            return;
        }

        _newest = commit.Epoch;
        if (!ReferenceEquals(_state, commit.State))
        {
            _state = commit.State;
            _owners = ModelVolume.Owners(_state, _disk.Clusters);
        }

        if (commit.Change.IsEmpty)
        {
            return;
        }

        foreach (var change in StateCodec.Decode(commit.Change).Changes)
        {
            switch (change)
            {
                case StateChange.SessionKept kept:
                    _mounts[kept.Session] = kept.MountId;
                    break;
                case StateChange.TailEnded ended when commit.State.Inodes.TryGetValue(ended.File.Reference.Record, out var inode):
                    _world.Trace("lun", $"the tail of {ended.File} is over at {inode.ValidLength}");
                    TailEnded?.Invoke(ended.File, inode.ValidLength);
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
}
