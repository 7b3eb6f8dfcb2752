using Covol.Lun;
using Covol.Protocol;
using Covol.Protocol.Ids;
using Covol.Protocol.Journal;
using Covol.Protocol.Units;

namespace Covol.Ntfs.Journal;

/// <summary>
/// A redo journal of 4 KiB pages and of the caller's state changes in a fixed place of a LUN. It knows no file system.
/// <code>
///   | slot of even laps | slot of odd laps | ring: record 1 | record 2 | ... |
///
///   Commit      record -> flush; the pages stay in memory
///   WriteBack   some pages to their places, neighbours in one write, not flushed
///   Checkpoint  all pages to their places -> flush -> superblock with the caller's whole state into the other slot -> flush -> ring from its begin
///   Recover     newest superblock -> chained records -> fingerprint -> pages to their places -> Checkpoint with the new epoch
/// </code>
/// One thread. After an exception it may not be used any more.
/// </summary>
internal sealed class RedoJournal
{
    /// <summary>Ring in use from which on pages are put in their places without waiting for company, so that the lap's end finds few.</summary>
    private const double LapEndsSoonAt = 0.4;

    /// <summary>How often something is written again because a flush of another thread failed meanwhile.</summary>
    private const int WritesMax = 4;

    /// <summary>A record of about 60 pages, in bytes.</summary>
    private const int BufferMin = 256 << 10;

    /// <summary>Largest buffer that is kept for the next record, in bytes.</summary>
    private const int BufferKeptMax = 4 << 20;

    private readonly IBlockDevice _device;
    private readonly WriteBack _writeBack;
    private readonly JournalLocator _extent;
    private readonly Epoch _epoch;
    private readonly JournalControls _controls;
    private readonly HashSet<long> _journalled = [];
    private readonly List<ReadOnlyMemory<byte>> _changes = [];
    private IReadOnlyList<LunByteOffset> _guards;
    private ReadOnlyMemory<byte> _state;
    private long _changesLength;
    private long _lap;
    private long _sequence;
    private long _ringUsed;
    private ulong _chain;
    private long _flushesFailed;
    private AlignedArray? _buffer;

    private RedoJournal(
        IBlockDevice device, JournalLocator extent, Epoch epoch, JournalControls controls, IReadOnlyList<LunByteOffset> guards)
    {
        _device = device;
        _writeBack = new WriteBack(device, controls.StepWritesMax);
        _flushesFailed = device.FlushesFailed;
        _extent = extent;
        _epoch = epoch;
        _controls = controls;
        _guards = guards;
    }

    /// <summary>Bytes of the largest record that fits an empty ring.</summary>
    public long RingLength => JournalFormat.RingLength(_extent.Length.Value);

    /// <summary>The fuller of the ring and of the room for the caller's state, 0 to 1.</summary>
    public double Use => Math.Max((double)_ringUsed / RingLength, (double)StateLength / SlotLength);

    /// <summary>Pages whose newest committed content is not in their places.</summary>
    public IReadOnlyDictionary<long, byte[]> NotInPlace => _writeBack.Pages;

    /// <summary>Pages that a replay could still write, those that are not in their places among them.</summary>
    public IReadOnlySet<long> Journalled => _journalled;

    private int SlotLength => JournalFormat.SlotLength(_extent.Length.Value);

    private LunByteOffset Ring => _extent.Start + new ByteCount(2L * SlotLength);

    private long StateLength => JournalSuperblock.LengthOf(_guards.Count, _state.Length, _changes.Count, _changesLength);

    /// <summary>Makes an empty journal where nothing of a former one can be taken for a record of this.</summary>
    public static void Format(
        IBlockDevice device, JournalLocator extent, Epoch epoch, IReadOnlyList<LunByteOffset> guards, ReadOnlySpan<byte> state)
    {
        CheckExtent(device, extent);
        var journal = new RedoJournal(device, extent, epoch, JournalControls.All, guards);
        device.WriteZeroes(extent.Start, extent.Length);
        journal.BeginLap(1, state.ToArray(), []);
    }

    /// <summary>
    /// Makes a journal whose only record holds these pages, and puts none of them in its place: that is for whoever recovers it. The
    /// extent is not in use by the file system as it is.
    /// </summary>
    public static void FormatWithRecord(
        IBlockDevice device,
        JournalLocator extent,
        Epoch epoch,
        IReadOnlyList<LunByteOffset> guards,
        IReadOnlyDictionary<long, byte[]> pages)
    {
        CheckExtent(device, extent);
        var journal = new RedoJournal(device, extent, epoch, JournalControls.All, guards);
        device.WriteZeroes(extent.Start, extent.Length);
        journal.BeginLap(1, ReadOnlyMemory<byte>.Empty, []);
        var numbers = pages.Keys.Order().ToArray();
        if (JournalRecord.LengthOf(numbers.Length, 0) > journal.RingLength)
        {
            throw new NtfsRefusedException(
                $"A journal of {extent.Length} is too small for what adopting the volume changes ({numbers.Length} pages).");
        }

        journal.Append(numbers, number => pages[number], []);
    }

    /// <summary>The epoch in which the journal was last written.</summary>
    public static Epoch EpochOf(IBlockDevice device, JournalLocator extent)
    {
        CheckExtent(device, extent);
        return ReadSuperblock(device, extent).Epoch;
    }

    /// <summary>
    /// Carries out all that is committed and begins a new lap in the new epoch. Throws <see cref="NtfsRefusedException"/>
    /// before anything is
    /// written when the journal is not whole, is of a newer epoch, or another program wrote to the volume.
    /// </summary>
    public static (RedoJournal Journal, JournalRecovery Recovery) Recover(
        IBlockDevice device, JournalLocator extent, Epoch epoch, JournalControls controls)
    {
        CheckExtent(device, extent);
        var superblock = ReadSuperblock(device, extent);
        if (superblock.Epoch.Value > epoch.Value)
        {
            throw new NtfsRefusedException(
                $"The journal was last written in {superblock.Epoch}, and this coordinator holds {epoch}: "
                + "another coordinator took the volume over.");
        }

        var journal = new RedoJournal(device, extent, epoch, controls, [.. superblock.Guards.Select(guard => guard.Place)]);
        var scan = new JournalScan(device, journal.Ring, journal.RingLength, superblock, controls);
        scan.Run();
        scan.CheckFingerprint();
        journal.WriteStable(scan.Replay);
        journal.BeginLap(superblock.Lap + 1, superblock.State, [.. superblock.Changes, .. scan.States]);
        return (journal, new JournalRecovery(journal._state, [.. journal._changes]));
    }

    /// <summary>
    /// Where the newest content of each page lies that <see cref="Recover"/> would put in its place; nothing is written. Throws
    /// <see cref="NtfsRefusedException"/> where that would.
    /// </summary>
    public static IReadOnlyDictionary<long, LunByteOffset> PagesToReplay(IBlockDevice device, JournalLocator extent)
    {
        CheckExtent(device, extent);
        var superblock = ReadSuperblock(device, extent);
        var journal = new RedoJournal(device, extent, superblock.Epoch, JournalControls.All, []);
        var scan = new JournalScan(device, journal.Ring, journal.RingLength, superblock, JournalControls.All);
        scan.Run();
        scan.CheckFingerprint();
        return scan.Pages;
    }

    /// <summary>The sectors whose content is checked before the next replay. Takes effect with the next lap.</summary>
    public void Guard(IReadOnlyList<LunByteOffset> sectors) => _guards = sectors;

    /// <summary>Whether a commit would fit into what is left of the lap.</summary>
    public bool Fits(long pageCount, long stateLength) =>
        _ringUsed + JournalRecord.LengthOf(pageCount, stateLength) <= RingLength && StateFits(stateLength);

    /// <summary>
    /// Makes the pages and the state change stable, all or none. Turns the lap by itself when the ring is full. Pages are ascending page numbers
    /// of the LUN; their content belongs to the journal from now on and is not changed any more.
    /// </summary>
    public void Commit(long[] pages, Func<long, byte[]> content, ReadOnlySpan<byte> change)
    {
        var length = JournalRecord.LengthOf(pages.Length, change.Length);
        Invariant.Holds(
            length <= RingLength,
            $"One commit of {pages.Length} pages and {change.Length} bytes of state is larger than the whole journal.");
        Invariant.Holds(StateFits(change.Length), "The caller's state outgrew the journal's superblock: a checkpoint was due.");
        if (_ringUsed + length > RingLength)
        {
            // The caller's state goes along as it is.
            TurnLap(_state, [.. _changes]);
        }

        Append(pages, content, change);
        if (change.Length > 0)
        {
            _changes.Add(change.ToArray());
            _changesLength += change.Length;
        }

        _journalled.UnionWith(pages);
        foreach (var page in pages)
        {
            _writeBack.Add(page, content(page));
        }

        if (_writeBack.Pages.Count > WriteBack.PagesMax)
        {
            _writeBack.WriteAll();
        }
    }

    /// <summary>
    /// Puts a bounded number of pages in their places where many wait, or the lap ends soon. True: a checkpoint would still take longer than
    /// a step like this.
    /// </summary>
    public bool WriteBackStep() => _writeBack.Step(
        (double)_ringUsed / RingLength < LapEndsSoonAt
            ? _controls.PagesWaitMax : Math.Min(_controls.StepWritesMax, _controls.PagesWaitMax));

    /// <summary>Begins a new lap whose state is the caller's whole state.</summary>
    public void Checkpoint(ReadOnlySpan<byte> state) => TurnLap(state.ToArray(), []);

    private static void CheckExtent(IBlockDevice device, JournalLocator extent)
    {
        var (start, length) = (extent.Start.Value, extent.Length.Value);
        if (start % JournalFormat.PageSize != 0 || length % JournalFormat.PageSize != 0 || start < JournalFormat.PageSize
            || length is < JournalFormat.LengthMin or > JournalFormat.LengthMax || start > device.Size.Value - length)
        {
            throw new NtfsRefusedException(
                $"The journal's place ({extent.Start}, {extent.Length}) does not fit the LUN: it is damaged, or the LUN was made smaller.");
        }
    }

    private static JournalSuperblock ReadSuperblock(IBlockDevice device, JournalLocator extent)
    {
        JournalSuperblock? newest = null;
        var slot = new byte[JournalFormat.SlotLength(extent.Length.Value)];
        for (var index = 0; index < 2; index++)
        {
            device.Read(extent.Start + new ByteCount((long)index * slot.Length), slot);
            if (JournalSuperblock.TryRead(slot, out var found) && (newest is null || found.Lap > newest.Lap))
            {
                newest = found;
            }
        }

        return newest ?? throw new NtfsRefusedException(
            "The journal has no valid superblock: the volume is damaged or was not made by Covol.");
    }

    private bool StateFits(long change) =>
        JournalSuperblock.LengthOf(JournalSuperblock.GuardsMax, _state.Length, _changes.Count + 1, _changesLength + change) <= SlotLength;

    /// <summary>Writes the next record, in one piece; it is stable then.</summary>
    private void Append(long[] pages, Func<long, byte[]> content, ReadOnlySpan<byte> change)
    {
        var length = (int)JournalRecord.LengthOf(pages.Length, change.Length);
        var buffer = BufferFor(length);
        var record = buffer.GetSpan(0, length);
        for (var index = 0; index < pages.Length; index++)
        {
            content(pages[index]).CopyTo(JournalRecord.PageSlot(record, pages.Length, change.Length, index));
        }

        _sequence++;
        _chain = JournalRecord.Seal(record, _epoch, _lap, _sequence, _chain, pages, change);
        var place = Ring + new ByteCount(_ringUsed);
        if (_controls.FlushRecords)
        {
            WriteStable(() => _device.Write(place, buffer.GetSpan(0, length)));
        }
        else
        {
            _device.Write(place, record);
        }

        _ringUsed += length;
        if (length > BufferKeptMax)
        {
            _buffer = null;
        }
    }

    /// <summary>All pages of the lap are stable in their places before its records are void.</summary>
    private void TurnLap(ReadOnlyMemory<byte> state, List<ReadOnlyMemory<byte>> changes)
    {
        if (!_controls.FlushBeforeLap)
        {
            _writeBack.WriteAll();
        }
        else if (_controls.WriteBackBeforeLap)
        {
            WriteStable(_writeBack.WriteAll);
        }

        BeginLap(_lap + 1, state, changes);
    }

    /// <summary>
    /// Writes and flushes. Where a flush of another thread failed since the last one here, the device may have thrown away what was written
    /// before it and say "done" to ours (SAFETY 19): then it is written again.
    /// </summary>
    private void WriteStable(Action write)
    {
        for (var writes = 1; ; writes++)
        {
            write();
            _device.Flush();
            var failed = _device.FlushesFailed;
            var isStable = failed == _flushesFailed || !_controls.RewriteAfterFailedFlush;
            _flushesFailed = failed;
            _writeBack.Flushed(isStable);
            if (isStable)
            {
                return;
            }

            if (writes == WritesMax)
            {
                throw new LunException(
                    LunError.MediaFailed, "Flushes of the LUN go on failing, so the journal cannot be made stable. Look at the LUN's disks.");
            }
        }
    }

    private void BeginLap(long lap, ReadOnlyMemory<byte> state, List<ReadOnlyMemory<byte>> changes)
    {
        var guards = GuardedContent.All(_device, _guards);
        var (bytes, checksum) = JournalSuperblock.Encode(_epoch, lap, guards, state.Span, changes);
        Invariant.Holds(bytes.Length <= SlotLength, "The caller's whole state does not fit the journal's superblock.");
        WriteStable(() => _device.Write(_extent.Start + new ByteCount((lap % 2) * SlotLength), bytes));
        _lap = lap;
        _chain = checksum;
        _sequence = 0;
        _ringUsed = 0;
        _state = state;
        _changes.Clear();
        _changes.AddRange(changes);
        _changesLength = changes.Sum(change => (long)change.Length);
        _journalled.Clear();
    }

    private AlignedArray BufferFor(int length)
    {
        if (_buffer is null || _buffer.Length < length)
        {
            _buffer = new AlignedArray(Math.Max(length, BufferMin));
        }

        return _buffer;
    }
}
