using Covol.Lun;
using Covol.Protocol.Journal;
using Covol.Protocol.Units;

namespace Covol.Ntfs.Journal;

/// <summary>One look at a lap after a crash: which records count, what they hold, and their replay.</summary>
internal sealed class JournalScan(
    IBlockDevice device, LunByteOffset ring, long ringLength, JournalSuperblock superblock, JournalControls controls)
{
    private readonly Dictionary<long, long> _newest = [];
    private readonly Dictionary<long, HashSet<ulong>> _expected = [];

    /// <summary>The caller's state changes, in the order of their commits.</summary>
    public List<ReadOnlyMemory<byte>> States { get; } = [];

    /// <summary>Where on the LUN the newest content of each page lies, by page number.</summary>
    public IReadOnlyDictionary<long, LunByteOffset> Pages =>
        _newest.ToDictionary(pair => pair.Key, pair => ring + new ByteCount(pair.Value));

    public void Run()
    {
        foreach (var guard in superblock.Guards)
        {
            _expected[guard.Place.Value] = [guard.Checksum];
        }

        var (position, sequence, chain) = (0L, 0L, superblock.Checksum);
        while (ReadRecord(position) is var (bytes, record))
        {
            if (position == 0 && record.Lap > superblock.Lap)
            {
                throw new NtfsRefusedException(
                    $"The journal's superblock of lap {record.Lap} is damaged: its records are there, it is not. "
                    + "Restore the volume from a backup, or "
                    + "have it repaired; a replay would put old content over new.");
            }

            var chained = record.Lap == superblock.Lap && record.Epoch == superblock.Epoch && record.Predecessor == chain;
            if (record.Sequence != sequence + 1 || (controls.VerifyChain && !chained))
            {
                break;
            }

            Take(position, bytes, record);
            (position, sequence, chain) = (position + record.Length, record.Sequence, record.Checksum);
        }
    }

    /// <summary>
    /// Every guarded sector must hold what it held at the checkpoint or what one of the lap's records put there: a crash may
    /// have left any of
    /// these, another program leaves something else (SAFETY 18).
    /// </summary>
    public void CheckFingerprint()
    {
        foreach (var (place, contents) in _expected)
        {
            if (!contents.Contains(GuardedContent.ChecksumOf(device, new LunByteOffset(place))))
            {
                throw new NtfsRefusedException(
                    $"Another program wrote to this volume while Covol's journal was not empty (byte {place} of the LUN changed). Replaying the "
                    + "journal over it would destroy data. Check the volume with chkdsk or ntfsfix before it is formatted or adopted again.");
            }
        }
    }

    /// <summary>Puts the newest content of each page in its place. Doing it twice is doing it once.</summary>
    public void Replay()
    {
        var page = new byte[JournalFormat.PageSize];
        foreach (var (number, place) in _newest.OrderBy(pair => pair.Key))
        {
            device.Read(ring + new ByteCount(place), page);
            device.Write(new LunByteOffset(number * JournalFormat.PageSize), page);
        }
    }

    private (byte[] Bytes, JournalRecord Record)? ReadRecord(long position)
    {
        if (ringLength - position < JournalFormat.PageSize)
        {
            return null;
        }

        var first = new byte[JournalFormat.PageSize];
        device.Read(ring + new ByteCount(position), first);
        if (JournalRecord.ClaimedLength(first, ringLength - position) is not { } length)
        {
            return null;
        }

        var bytes = new byte[length];
        device.Read(ring + new ByteCount(position), bytes);
        return JournalRecord.TryRead(bytes, controls.VerifyChecksum, out var record) ? (bytes, record) : null;
    }

    private void Take(long position, byte[] bytes, JournalRecord record)
    {
        var pagesStart = record.Length - (record.Pages.Count * JournalFormat.PageSize);
        for (var index = 0; index < record.Pages.Count; index++)
        {
            var number = record.Pages[index];
            if (number < 0 || number >= device.Size.Value / JournalFormat.PageSize)
            {
                throw new NtfsRefusedException("A record of the journal names a page outside the LUN: the LUN was made smaller.");
            }

            _newest[number] = position + pagesStart + ((long)index * JournalFormat.PageSize);
            Expect(number, record.PageIn(bytes, index));
        }

        if (record.StateLength > 0)
        {
            States.Add(record.StateIn(bytes).ToArray());
        }
    }

    private void Expect(long number, ReadOnlySpan<byte> content)
    {
        for (var sector = 0; sector < JournalFormat.PageSize; sector += JournalFormat.SectorSize)
        {
            if (_expected.TryGetValue((number * JournalFormat.PageSize) + sector, out var contents))
            {
                contents.Add(Checksum64.Of(content.Slice(sector, JournalFormat.SectorSize)));
            }
        }
    }
}
