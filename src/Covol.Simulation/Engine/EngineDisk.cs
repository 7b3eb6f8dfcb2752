using Covol.Ntfs;
using Covol.Protocol.Ids;
using Covol.Simulation.Checks;
using Covol.Simulation.Disk;
using Covol.Simulation.Model;
using Covol.Simulation.Parts;
using Covol.Simulation.Worlds;

namespace Covol.Simulation.Engine;

/// <summary>
/// A real NTFS volume on the simulated LUN, served by the real engine with its real journal. The library stamps what it creates by the wall
/// clock; birth stamps are numbered here in the order in which the world sees them first, so no clock decides anything.
/// </summary>
internal sealed class EngineDisk(World world) : IVolumeKind
{
    public const int ClusterSize = 4096;

    private readonly Dictionary<FileId, FileId> _seen = [];
    private readonly Dictionary<FileId, FileId> _real = [];
    private readonly List<EngineVolume> _open = [];
    private ReadOnlyMemory<byte> _lastTold;

    public int Size => VolumeTemplate.Size;

    public int Clusters => VolumeTemplate.Size / ClusterSize;

    public bool HasMetadataAmongData => true;

    /// <summary>Set before the first coordinator opens the volume: hears of each commit.</summary>
    public LunWatch? Watch { get; set; }

    public int ClusterOf(long place) => (int)(place / ClusterSize);

    public void Format(SimLun lun) => lun.Fill(VolumeTemplate.Bytes);

    public (INtfsVolume Volume, JournalRecovery Recovery) Open(LunNexus device, Epoch epoch, Rules rules, SimProcess process)
    {
        var (real, recovery) = NtfsVolume.Open(device, epoch, NtfsOptions.Default, rules.Journal);
        var volume = new EngineVolume(this, real, device, rules, epoch, process.Name);
        _open.Add(volume);

        // Its memory is the library's, not the world's; a step of its own, because the end may come in the middle of a call into it.
        process.WhenKilled(() => world.After(TimeSpan.Zero, () => Close(volume)));

        // A coordinator that died in the middle of its last commit told nobody of it, but recovery may have found it.
        var last = recovery.Changes.Count > 0 ? recovery.Changes[^1] : default;
        var untold = last.Span.SequenceEqual(_lastTold.Span) ? default : last;
        Watch!.EngineRecovered(process.Name, epoch.Value, untold, volume.Files(), volume.ValidLengthOf);
        Told(untold);
        return (volume, recovery);
    }

    /// <summary>The engine tells its commits by itself.</summary>
    public ModelDisk.Commit? At(SimLun lun, long place) => null;

    public string? Check(SimLun lun) =>
        VolumeChecker.CheckAtRest(new ImageDevice(lun.Seen)) is { IsSound: false } report ? report.Findings[0].ToString() : null;

    public void Dispose()
    {
        foreach (var volume in _open.ToList())
        {
            Close(volume);
        }
    }

    /// <summary>What the world calls a file of the engine.</summary>
    public FileId Seen(FileId real)
    {
        if (!_seen.TryGetValue(real, out var seen))
        {
            _seen.Add(real, seen = new FileId(real.Reference, _seen.Count + 1));
            _real.Add(seen, real);
        }

        return seen;
    }

    /// <summary>What the engine calls it; a file that never was is stale there.</summary>
    public FileId Real(FileId seen) => _real.GetValueOrDefault(seen, seen);

    /// <summary>The checkers know of a commit.</summary>
    public void Told(ReadOnlyMemory<byte> change) => _lastTold = change.IsEmpty ? _lastTold : change;

    private void Close(EngineVolume volume)
    {
        if (_open.Remove(volume))
        {
            volume.Dispose();
        }
    }
}
