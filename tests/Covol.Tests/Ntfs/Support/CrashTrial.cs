using Covol.Ntfs;
using Covol.Ntfs.Journal;
using Covol.Protocol.Ids;

namespace Covol.Tests.Ntfs.Support;

/// <summary>
/// Random work on a recorded disk with a commit after each step, then recoveries from cuts of its log. What is wrong with a
/// recovered volume is
/// counted, not thrown, because the controls want to see it.
/// </summary>
internal sealed class CrashTrial
{
    private readonly SnapshotDevice _before;
    private readonly IReadOnlyList<RecordingBlockDevice.LogEntry> _log;
    private readonly List<string> _trees = [];
    private readonly List<int> _begun = [];
    private readonly List<int> _acknowledged = [];
    private readonly int _seed;

    private CrashTrial(int seed, SnapshotDevice before, IReadOnlyList<RecordingBlockDevice.LogEntry> log)
    {
        _seed = seed;
        _before = before;
        _log = log;
    }

    public static CrashTrial Run(int seed, int steps, JournalControls controls, int stepsPerCheckpoint = 60)
    {
        var disk = FormattedVolume.Small();
        var before = disk.Snapshot();
        using var recorded = new RecordingBlockDevice(disk);
        var trial = new CrashTrial(seed, before, recorded.Log);
        trial.Work(recorded, steps, controls, stepsPerCheckpoint);
        return trial;
    }

    /// <summary>Recovers from the cuts; returns a sentence for each that came back wrong.</summary>
    public List<string> Recover(CrashPoints.Unflushed unflushed, JournalControls controls, int stride, int offset = 0)
    {
        var wrong = new List<string>();
        var points = new CrashPoints(_before, _log);
        foreach (var (cut, disk) in points.All(cut => cut >= _begun[0] && (cut - offset) % stride == 0, unflushed, new Random(_seed)))
        {
            if (Judge(cut, disk, controls) is { } problem)
            {
                wrong.Add($"seed {_seed}, cut {cut}, {unflushed}: {problem}");
            }
        }

        return wrong;
    }

    private static byte[] State(int step) => BitConverter.GetBytes(step);

    private void Work(RecordingBlockDevice disk, int steps, JournalControls controls, int stepsPerCheckpoint)
    {
        var (volume, _) = NtfsVolume.Open(disk, new Epoch(1), NtfsOptions.Default, controls);
        using (volume)
        {
            _trees.Add(VolumeTree.Of(volume));
            _begun.Add(_log.Count);
            _acknowledged.Add(_log.Count);
            var work = new RandomWork(volume, new Random(_seed));
            for (var step = 1; step <= steps; step++)
            {
                work.Step();
                _trees.Add(VolumeTree.Of(volume));
                _begun.Add(_log.Count);
                volume.Commit(State(step));
                _acknowledged.Add(_log.Count);
                if (step % stepsPerCheckpoint == 0)
                {
                    volume.Checkpoint(State(step));
                }
            }
        }
    }

    private string? Judge(int cut, SnapshotDevice disk, JournalControls controls)
    {
        try
        {
            var (volume, recovery) = NtfsVolume.Open(disk, new Epoch(2), NtfsOptions.Default, controls);
            using (volume)
            {
                var last = LastStep(recovery);
                var acknowledged = _acknowledged.FindLastIndex(at => at <= cut);
                var begun = _begun.FindLastIndex(at => at < cut || at == _begun[0]);
                if (last is not { } step || step < acknowledged || step > Math.Max(begun, acknowledged))
                {
                    return $"the caller's state is of step {last}, not between {acknowledged} (acknowledged) and {begun} (begun)";
                }

                if (VolumeTree.Of(volume) is var tree && tree != _trees[step])
                {
                    return $"the tree is not that of step {step}:\n{tree}\ninstead of\n{_trees[step]}";
                }
            }
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            return $"{failure.GetType().Name}: {failure.Message}";
        }

        var problems = VolumeChecker.Check(disk);
        return problems.Count == 0 ? null : string.Join("; ", problems);
    }

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
}
