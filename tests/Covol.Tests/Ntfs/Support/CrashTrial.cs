using Covol.Lun;
using Covol.Ntfs;
using Covol.Ntfs.Journal;
using Covol.Protocol;
using Covol.Protocol.Ids;
using Covol.Protocol.Journal;
using Covol.Protocol.Units;

namespace Covol.Tests.Ntfs.Support;

/// <summary>
/// Random work on a recorded disk, then recoveries from cuts of its log, from the first write of its own recovery on. What is
/// wrong with
/// a recovered volume is counted, not thrown, because the controls want to see it.
/// </summary>
internal sealed class CrashTrial : IDisposable
{
    /// <summary>Pages of one write of a node: 128 KiB.</summary>
    private const int WritePagesMax = 32;

    private readonly CrashSettings _settings;
    private readonly Epoch _epoch;
    private readonly SnapshotDevice _before;
    private readonly RecordingBlockDevice _recorded;
    private readonly SnapshotDevice _disk;
    private readonly JournalLocator _locator;

    /// <summary>
    /// Disks by step, and the pages that nodes ever wrote; a trial that goes on from a crash goes on with these.
    /// </summary>
    private readonly Dictionary<int, StepImage> _images;
    private readonly HashSet<long> _written;

    /// <summary>Step, log length when its commit began, log length when it was acknowledged.</summary>
    private readonly List<(int Step, int Begun, int Acknowledged)> _commits = [];

    /// <summary>Log length, and whether committed pages were not in their places then.</summary>
    private readonly List<(int Length, bool Waiting)> _waiting = [];

    /// <summary>When pages are put in their places; of its own, so that the work is the same whenever that is.</summary>
    private readonly Random _writeBack;

    private CrashTrial(
        CrashSettings settings, SnapshotDevice disk, Epoch epoch, Dictionary<int, StepImage> images, HashSet<long> written)
    {
        _settings = settings;
        _epoch = epoch;
        _images = images;
        _written = written;
        _writeBack = new Random(-settings.Seed);
        _before = disk.Snapshot();
        _disk = disk;
        _recorded = new RecordingBlockDevice(disk);
        _locator = VolumeGeometry.ReadWithLocator(disk).Locator;
    }

    /// <summary>Cuts that were judged.</summary>
    public int Cuts { get; private set; }

    /// <summary>Cuts at which committed pages were not in their places, those within a write-back among them.</summary>
    public int CutsBeforeWriteBack { get; private set; }

    /// <summary>Steps that put some pages in their places and left others.</summary>
    public int PartialSteps { get; private set; }

    /// <summary>Nothing was written in parts of a block, nor between two.</summary>
    public bool WroteWholeBlocksOf(int block) =>
        _recorded.Log.Where(entry => !entry.IsFlush).All(entry => entry.At.Value % block == 0 && entry.Data!.Length % block == 0);

    public static CrashTrial Run(CrashSettings settings)
    {
        var trial = new CrashTrial(settings, settings.Volume(), new Epoch(1), [], []);
        trial.Work();
        return trial;
    }

    public void Dispose() => _recorded.Dispose();

    /// <summary>Another coordinator takes the disk that a cut left and goes on working.</summary>
    public CrashTrial TakeOver(int cut, CrashPoints.Unflushed unflushed, CrashSettings settings)
    {
        var points = new CrashPoints(_before, _recorded.Log);
        var (_, disk) = points.All(at => at == cut, unflushed, new Random(settings.Seed)).First();
        var trial = new CrashTrial(settings, disk, new Epoch(_epoch.Value + 1), new(_images), [.. _written]);
        trial.Work();
        return trial;
    }

    /// <summary>Some cut of this trial's log.</summary>
    public int AnyCut(Random random) => random.Next(_recorded.Log.Count + 1);

    /// <summary>Recovers from every <paramref name="stride"/>th cut; returns a sentence for each that came back wrong.</summary>
    public List<string> Recover(CrashPoints.Unflushed unflushed, JournalControls? controls = null, int stride = 1)
    {
        var wrong = new List<string>();
        var random = new Random(_settings.Seed);
        foreach (var (cut, disk) in new CrashPoints(_before, _recorded.Log).All(cut => cut % stride == 0, unflushed, random))
        {
            CutsBeforeWriteBack += _waiting.FindLast(state => state.Length <= cut).Waiting ? 1 : 0;
            if (Judge(cut, disk, controls ?? _settings.Controls, random) is { } problem)
            {
                wrong.Add($"seed {_settings.Seed}, epoch {_epoch}, cut {cut}, {unflushed}: {problem}");
            }
        }

        return wrong;
    }

    private static byte[] State(int step) => BitConverter.GetBytes(step);

    /// <summary>The last step in the state; null when one is missing between.</summary>
    private static int? LastStep(JournalRecovery recovery)
    {
        var last = recovery.CheckpointState.Length == 0 ? 0 : BitConverter.ToInt32(recovery.CheckpointState.Span);
        foreach (var change in recovery.Changes)
        {
            if (BitConverter.ToInt32(change.Span) != last + 1)
            {
                return null;
            }

            last++;
        }

        return last;
    }

    private void Work()
    {
        var random = new Random(_settings.Seed);
        var (volume, recovery) = NtfsVolume.Open(_recorded, _epoch, NtfsOptions.Default, _settings.Controls);
        using (volume)
        {
            var step = LastStep(recovery)!.Value;
            _commits.Add((step, 0, 0));
            _images.TryAdd(step, ImageOf(volume));
            var work = new RandomWork(
                volume,
                random,
                _settings.Mix,
                (file, length) => step = WriteData(volume, step, file, length),
                file => step = FillHole(volume, step, file, random));
            for (var count = 1; count <= _settings.Steps; count++)
            {
                for (var changes = random.Next(1, _settings.Mix.ChangesMax + 1); changes > 0; changes--)
                {
                    work.Change();
                    WriteBackSometimes(volume);
                }

                step = Commit(volume, step);
                if (count % _settings.StepsPerCheckpoint == 0)
                {
                    volume.Checkpoint(State(step));
                }
            }
        }
    }

    private int Commit(NtfsVolume volume, int step)
    {
        var begun = _recorded.Log.Count;
        volume.Commit(State(step + 1));
        _commits.Add((step + 1, begun, _recorded.Log.Count));
        _images[step + 1] = ImageOf(volume);
        WriteBackSometimes(volume);
        return step + 1;
    }

    /// <summary>The disk with all in its place that is committed.</summary>
    private StepImage ImageOf(NtfsVolume volume)
    {
        var disk = _disk.Snapshot();
        foreach (var (page, content) in volume.NotInPlace)
        {
            disk.Write(new LunByteOffset(page * 4096), content);
        }

        return new StepImage(disk, VolumeTree.Of(volume));
    }

    private void WriteBackSometimes(NtfsVolume volume)
    {
        if (_writeBack.Next(2) == 0)
        {
            var before = _recorded.Log.Count;
            volume.WriteBackStep();
            PartialSteps += _recorded.Log.Count > before && volume.NotInPlace.Count > 0 ? 1 : 0;
        }

        _waiting.Add((_recorded.Log.Count, volume.NotInPlace.Count > 0));
    }

    /// <summary>
    /// As a coordinator and a node do it: clusters stable, no replay over them, data, flush, then valid length.
    /// </summary>
    private int WriteData(NtfsVolume volume, int step, FileId file, long length)
    {
        var map = volume.Map(file);
        var behind = Up(volume, map.ValidLength.Value);
        if (!map.IsResident && length % 3 == 0 && behind < length)
        {
            // Every third time a hole is left, where there is one or the file is not so long.
            var from = behind + ((length - behind) / 2 / volume.ClusterSize * volume.ClusterSize);
            map = volume.Allocate(file, new FileByteOffset(from), new FileByteOffset(length));
        }
        else if (map.Allocated.Value < length)
        {
            // Every second time the size grows only with the data.
            map = length % 2 == 0
                ? volume.Preallocate(file, new ByteCount(2 * length))
                : volume.Extend(file, new ByteCount(length));
        }

        map = EndOf(map) < length ? volume.Extend(file, new ByteCount(length)) : map;
        step = Commit(volume, step);
        if (volume.MustCheckpointBefore(map.Extents))
        {
            volume.Checkpoint(State(step));
        }

        foreach (var run in FilePattern.Pages(map, map.ValidLength.Value, length).Chunk(WritePagesMax))
        {
            WriteRun(file, run);
        }

        if (_settings.FlushesData)
        {
            _recorded.Flush();
        }

        var valid = new ByteCount(Math.Max(length, map.ValidLength.Value));
        volume.SetValidLength(file, valid, new FileTime(130_000_000_000_000_000 + step));
        Invariant.Holds(volume.Map(file).ValidLength.Value >= length, "A valid length was set and not kept.");
        return step;
    }

    /// <summary>As a coordinator does it: spare clusters stable, data in them, flush, then they take the hole's place.</summary>
    private int FillHole(NtfsVolume volume, int step, FileId file, Random random)
    {
        var map = volume.Map(file);
        var clusters = (int)(Up(volume, map.ValidLength.Value) / volume.ClusterSize);
        var holes = Enumerable.Range(0, clusters)
            .Where(cluster => !map.Extents.Any(extent => IsIn(extent, (long)cluster * volume.ClusterSize))).ToList();
        if (map.IsResident || holes.Count == 0)
        {
            return step;
        }

        var first = random.Next(holes.Count);
        var chosen = holes.GetRange(first, Math.Min(random.Next(1, 20), holes.Count - first));
        volume.AddSpare(file, new ByteCount(chosen.Count * volume.ClusterSize));
        step = Commit(volume, step);
        map = volume.Map(file);
        if (volume.MustCheckpointBefore(map.Extents))
        {
            volume.Checkpoint(State(step));
        }

        var spare = map.Extents.SelectMany(extent => Clusters(volume, extent))
            .Where(cluster => cluster.At >= Up(volume, map.Size.Value)).ToList();
        var filled = chosen.Zip(
            spare,
            (hole, place) => new FileExtent(
                new FileByteOffset((long)hole * volume.ClusterSize), place.Place, new ByteCount(volume.ClusterSize))).ToList();
        foreach (var extent in filled)
        {
            WriteRun(file, [.. Clusters(volume, extent)]);
        }

        if (_settings.FlushesData)
        {
            _recorded.Flush();
        }

        volume.Fill(file, filled);
        return step;
    }

    private static IEnumerable<(long At, LunByteOffset Place)> Clusters(NtfsVolume volume, FileExtent extent) =>
        Enumerable.Range(0, (int)(extent.Length.Value / volume.ClusterSize)).Select(index => (
            extent.FileStart.Value + ((long)index * volume.ClusterSize),
            extent.LunStart + new ByteCount((long)index * volume.ClusterSize)));

    private static bool IsIn(FileExtent extent, long position) => extent.FileStart.Value <= position && position < extent.FileEnd.Value;

    private static long EndOf(FileMap map) => map.Extents.Count == 0 ? 0 : Math.Max(map.Size.Value, map.Extents[^1].FileEnd.Value);

    private static long Up(NtfsVolume volume, long position) =>
        (position + volume.ClusterSize - 1) / volume.ClusterSize * volume.ClusterSize;

    /// <summary>One write for as many pages as lie side by side.</summary>
    private void WriteRun(FileId file, (long FileOffset, LunByteOffset Place)[] pages)
    {
        var first = 0;
        for (var index = 1; index <= pages.Length; index++)
        {
            if (index == pages.Length || pages[index].Place.Value != pages[index - 1].Place.Value + 4096)
            {
                var data = pages[first..index].SelectMany(page => FilePattern.PageOf(file, page.FileOffset)).ToArray();
                _recorded.WriteData(pages[first].Place, data);
                _written.UnionWith(pages[first..index].Select(page => page.Place.Value / 4096));
                first = index;
            }
        }
    }

    /// <summary>What a recovery of this disk may not end with; then the same for a recovery that was cut short itself.</summary>
    private string? Judge(int cut, SnapshotDevice disk, JournalControls controls, Random random)
    {
        Cuts++;
        try
        {
            using var recovering = new RecordingBlockDevice(disk);
            var before = disk.Snapshot();
            if (Recovered(cut, recovering, disk, controls) is { } problem)
            {
                return problem;
            }

            var again = random.Next(recovering.Log.Count + 1);
            var how = (CrashPoints.Unflushed)random.Next(4);
            var (_, second) = new CrashPoints(before, recovering.Log).All(at => at == again, how, random).First();
            Cuts++;
            return Recovered(cut, second, second, controls) is { } later ? $"recovery cut at {again}, {how}: {later}" : null;
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            return $"{failure.GetType().Name}: {failure.Message}";
        }
    }

    private string? Recovered(int cut, IBlockDevice device, SnapshotDevice disk, JournalControls controls)
    {
        var (_, recovery) = RedoJournal.Recover(device, _locator, new Epoch(_epoch.Value + 1), controls);
        var acknowledged = _commits.FindLast(commit => commit.Acknowledged <= cut).Step;
        var begun = _commits.FindLast(commit => commit.Begun < cut || commit.Begun == 0).Step;
        if (LastStep(recovery) is not { } step || step < acknowledged || step > Math.Max(begun, acknowledged))
        {
            return $"the caller's state is of step {LastStep(recovery)}, "
                + $"not between {acknowledged} (acknowledged) and {begun} (begun)";
        }

        var image = _images[step];
        foreach (var page in disk.Differences(image.Disk))
        {
            var isJournal = page * 4096 >= _locator.Start.Value && page * 4096 < (_locator.Start + _locator.Length).Value;
            if (!isJournal && (!_written.Contains(page) || image.Matters(page)) && image.DiffersWhereValid(page, disk))
            {
                return $"page {page} is not what step {step} left there";
            }
        }

        return image.Problem;
    }
}
