using Covol.Protocol.Units;

namespace Covol.Tests.Ntfs.Support;

/// <summary>
/// The disks that a power cut may leave: at each point of the log everything before the last flush is there, and of what was
/// written since, any 512-byte sectors.
/// </summary>
internal sealed class CrashPoints(SnapshotDevice before, IReadOnlyList<RecordingBlockDevice.LogEntry> log)
{
    private const int SectorLength = 512;

    /// <summary>What survives of the writes that were not flushed.</summary>
    internal enum Unflushed
    {
        /// <summary>All of them, and half of the last one: a disk that writes in order.</summary>
        Ordered,

        /// <summary>Each sector with a chance of one half.</summary>
        Shuffled,

        /// <summary>Each write as a whole with a chance of one half, in any order.</summary>
        Dropped,

        /// <summary>None.</summary>
        Lost,
    }

    /// <summary>Each cut that <paramref name="wanted"/> takes, in order: the number of log entries that had begun, and the
    /// disk.</summary>
    public IEnumerable<(int Cut, SnapshotDevice Disk)> All(Func<int, bool> wanted, Unflushed unflushed, Random random)
    {
        var stable = before.Snapshot();
        var pending = new List<RecordingBlockDevice.LogEntry>();
        for (var cut = 0; cut <= log.Count; cut++)
        {
            if (wanted(cut))
            {
                var disk = stable.Snapshot();
                Survive(disk, pending, unflushed, random);
                yield return (cut, disk);
            }

            if (cut == log.Count)
            {
                yield break;
            }

            if (!log[cut].IsFlush)
            {
                pending.Add(log[cut]);
                continue;
            }

            foreach (var (at, data, _) in pending)
            {
                stable.Write(at, data);
            }

            pending.Clear();
        }
    }

    private static void Survive(SnapshotDevice disk, List<RecordingBlockDevice.LogEntry> pending, Unflushed unflushed, Random random)
    {
        for (var index = 0; index < pending.Count && unflushed != Unflushed.Lost; index++)
        {
            var (at, data, _) = pending[index];
            if (unflushed == Unflushed.Dropped)
            {
                if (random.Next(2) == 0)
                {
                    disk.Write(at, data);
                }

                continue;
            }

            var sectors = data!.Length / SectorLength;
            var kept = unflushed == Unflushed.Ordered && index == pending.Count - 1 ? random.Next(sectors + 1) : sectors;
            for (var sector = 0; sector < kept; sector++)
            {
                if (unflushed == Unflushed.Ordered || random.Next(2) == 0)
                {
                    disk.Write(at + new ByteCount(sector * SectorLength), data.AsSpan(sector * SectorLength, SectorLength));
                }
            }
        }
    }
}
