using Covol.Coordinator.Data;
using Covol.Coordinator.Driver;
using Covol.Coordinator.Sessions;
using Covol.Ntfs;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Session = Covol.Coordinator.Sessions.Session;
using StateChange = Covol.Coordinator.Metadata.StateChange;

namespace Covol.Coordinator;

/// <summary>File-system redirected reads and writes, appends, partial blocks, and the times that writing changes.</summary>
public sealed partial class VolumeCoordinator
{
    /// <summary>Permission bits 06000: set-user-id and set-group-id.</summary>
    private const int SetUserId = 0x800;
    private const int SetGroupId = 0x400;
    private const int GroupExecute = 0x8;

    /// <summary>Files whose times one operation writes: each is a page of the MFT, and no operation may outgrow the journal.</summary>
    private const int TimesOfOneCommit = 64;

    private readonly MapCache _maps = new();

    /// <summary>
    /// Modification times that are answered already but not committed: at fsync, close or the next group they are.
    /// </summary>
    private readonly Dictionary<FileId, FileTime> _times = [];

    /// <summary>
    /// Sizes that programs see while an extension's data is on its way: size must not be seen before data (SAFETY 11).
    /// </summary>
    private readonly Dictionary<FileId, ByteCount> _visibleSizes = [];
    private bool _timesTimerRuns;

    private async Task<ReadOnlyMemory<byte>> ReadDataAsync(ReadData read)
    {
        if (read.Length < 0 || read.Length > _options.DataMax || read.Offset.Value < 0)
        {
            throw new VolumeException(VolumeError.InvalidArgument, $"A read is of 0 to {_options.DataMax} bytes.");
        }

        if (_maps.Find(read.File) is not { } known || read.Offset.Value + read.Length > known.ValidLength.Value)
        {
            await LookAsync(read.File);
        }

        using var gate = await _gates.EnterAsync(read.File, GateMode.Shared);
        if (await TryReadSmallAsync(read) is { } small)
        {
            return small;
        }

        var map = await MapAsync(read.File);
        if (map.IsCompressed || (IsResident(map) && _parts.Volume is IEngineReads))
        {
            return await ReadByEngineAsync(read, map);
        }

        if (IsResident(map))
        {
            gate.Dispose();
            using var alone = await _gates.EnterAsync(read.File, GateMode.Exclusive);
            map = await MoveOutOfRecordAsync(read.File);
            return await ReadInGateAsync(read, map);
        }

        return await ReadInGateAsync(read, map);
    }

    private async Task<ReadOnlyMemory<byte>> ReadInGateAsync(ReadData read, FileMap map)
    {
        var size = _visibleSizes.TryGetValue(read.File, out var visible) ? visible : map.Size;
        if (read.Length == 0 || read.Offset.Value >= size.Value)
        {
            return default;
        }

        var length = (int)Math.Min(read.Length, size.Value - read.Offset.Value);
        return await _dataWorkers.RunAsync(() => _data.Read(map, read.Offset.Value, length));
    }

    /// <summary>What lies nowhere on the LUN as it is; reading it changes nothing, so a small file stays in its MFT record.</summary>
    private async Task<ReadOnlyMemory<byte>> ReadByEngineAsync(ReadData read, FileMap map)
    {
        var size = _visibleSizes.TryGetValue(read.File, out var visible) ? visible : map.Size;
        var length = (int)Math.Clamp(size.Value - read.Offset.Value, 0, read.Length);
        return length == 0
            ? default
            : await _metadata.ReadAsync(context => ((IEngineReads)context.Volume).Read(read.File, read.Offset.Value, length));
    }

    private async Task<VolumeReply> WriteDataAsync(Session session, Slot slot, RequestId id, WriteData write, ReadOnlyMemory<byte> data)
    {
        if (data.Length > _options.DataMax || write.Offset.Value < 0)
        {
            throw new VolumeException(VolumeError.InvalidArgument, $"A write is of 0 to {_options.DataMax} bytes.");
        }

        if (!write.Append && write.Offset.Value > long.MaxValue - _options.DataMax)
        {
            throw new VolumeException(VolumeError.FileTooLarge, "The write would end past the largest position of a file.");
        }

        // What the write needs depends on the map, which may change while its gate is waited for; the need only grows. Writes of a
        // file in doubt go one after the other, in the order they came in.
        var isInTurn = IsInDoubt(write.File);
        var isSmall = MayBeSmall(slot, id, write, data.Length);
        var mode = isInTurn || isSmall ? GateMode.Exclusive : write.Append ? GateMode.Extend : GateMode.Shared;
        var entering = EnterToWriteAsync(write.File, mode, keeps: null);
        var clearsSetId = write.ClearSetId;
        while (true)
        {
            using var gate = await entering;
            if (mode != GateMode.Shared)
            {
                await EndTailAsync(write.File, id.Session, write.Append ? 0 : write.Offset.Value + data.Length);
            }

            if (clearsSetId)
            {
                await ClearSetIdAsync(write.File);
                clearsSetId = false;
            }

            if (isSmall && MayBeSmall(slot, id, write, data.Length) && await TryWriteSmallAsync(id, write, data) is { } written)
            {
                return written;
            }

            isSmall = false;
            var map = await MapAsync(write.File);
            if (map.IsCompressed)
            {
                throw new VolumeException(
                    VolumeError.NotSupported,
                    "The file is compressed by Windows, so it can be read but not changed; copy it and delete the old one, "
                    + "or run 'compact /u' on it.");
            }

            var start = !write.Append ? write.Offset.Value
                : slot.PlacedAppend is { } placed && placed.Sequence == id.Sequence ? placed.Offset
                : map.Size.Value;
            var needed = Needed(map, start, data.Length);
            if (needed > mode)
            {
                // Ahead of those who came after it: a write that waits here may be given up, and must not land after theirs.
                mode = needed;
                entering = EnterToWriteAsync(write.File, mode, gate);
                continue;
            }

            RefuseTooLarge(start + data.Length);

            if (data.IsEmpty)
            {
                return new DataWritten(new FileByteOffset(start), map.Size);
            }

            var end = start + data.Length;
            if ((needed == GateMode.Exclusive || isInTurn) && !OnlyFills(write.File, map, start, end))
            {
                RefuseInGrace("Changing part of a block");
                await RecallAsync(write.File, RecallScope.Writes);
            }

            if (end > map.ValidLength.Value)
            {
                map = await ZeroBeforeAsync(write.File, map, start, new Hold(_thread, _options.HoldMax, session, slot));
                return await ExtendWithAsync(id, write, map, start, data);
            }

            if (IsResident(map))
            {
                map = await MoveOutOfRecordAsync(write.File);
            }

            var whole = _data.Covers(map, start, end) ? map : await FillAroundAsync(write.File, map, start, end);
            _ledger.Wrote(write.File);
            await _dataWorkers.RunAsync(() => _data.WriteBytes(whole, start, data.Span));
            NoteWritten(write.File);
            return new DataWritten(new FileByteOffset(start), VisibleSize(write.File, map));
        }
    }

    private Task<FileGates.Entered> EnterToWriteAsync(FileId file, GateMode mode, FileGates.Entered? keeps) =>
        _gates.EnterAsync(file, _options.SerialisesExtensions ? mode : GateMode.Shared, keeps);

    private GateMode Needed(FileMap map, long start, int length)
    {
        var end = start + length;
        var valid = map.ValidLength.Value;
        if (IsResident(map))
        {
            return GateMode.Exclusive;
        }

        var wholeBlocks = _data.Down(valid);
        var startsInside = _data.Down(start) != start && _data.Down(start) < wholeBlocks;
        var endsInside = _data.Down(end) != end && _data.Down(end) < wholeBlocks;
        if (startsInside || endsInside || NeedsFilling(map, start, end))
        {
            // Nodes may write these blocks by themselves; and readers keep the map that they found.
            return GateMode.Exclusive;
        }

        // The block that valid length ends in is changed here only, one change at a time.
        return _data.Up(end) > wholeBlocks ? GateMode.Extend : GateMode.Shared;
    }

    /// <summary>
    /// Clusters (stable) → zeroes up to the data → data → flush → valid length with the answer (stable): in this order no
    /// crash shows old
    /// content, and what was answered stays (SAFETY 12, 14).
    /// </summary>
    private async Task<VolumeReply> ExtendWithAsync(RequestId id, WriteData write, FileMap map, long start, ReadOnlyMemory<byte> data)
    {
        var file = write.File;
        var end = start + data.Length;
        var isSizeHidden = end > map.Size.Value && _visibleSizes.TryAdd(file, map.Size);
        try
        {
            if (IsResident(map))
            {
                map = await MoveOutOfRecordAsync(file);
            }

            if (NeedsFilling(map, start, end))
            {
                map = await FillAroundAsync(file, map, start, map.ValidLength.Value);
            }

            map = await MakeRoomToExtendAsync(file, map, start, end, write.Append ? new StateChange.AppendPlaced(id, start) : null);
            var grown = map;
            _ledger.Wrote(file);
            var failures = _flushes.Failures;
            await ZeroAsync(grown, grown.ValidLength.Value, _data.Down(start));
            await _dataWorkers.RunAsync(() => _data.WriteBytes(grown, start, data.Span));
            await FlushBeforeValidAsync();
            RequireNoFailedFlush(failures);

            var now = _thread.WallClock;
            var written = new DataWritten(new FileByteOffset(start), grown.Size);
            _times.Remove(file);
            await _metadata.ChangeAsync(context =>
            {
                context.Volume.SetValidLength(file, new ByteCount(end), now);
                context.Changes.Add(new StateChange.Answered(id, written));
                return true;
            });
            _maps.Put(file, grown with { ValidLength = new ByteCount(Math.Max(end, grown.ValidLength.Value)) });
            return written;
        }
        finally
        {
            if (isSizeHidden)
            {
                _visibleSizes.Remove(file);
            }
        }
    }

    /// <summary>Clusters for a write that ends behind valid length, from there on, or from where it leaves a hole before itself.</summary>
    private async Task<FileMap> MakeRoomToExtendAsync(FileId file, FileMap map, long start, long end, StateChange? change)
    {
        var from = Math.Min(start, map.ValidLength.Value);
        var behind = UpToCluster(map.ValidLength.Value);
        var leavesHole = MakesHoles && _data.Down(start) - map.ValidLength.Value >= _options.HoleMin;
        if (leavesHole)
        {
            var granule = Granule(map);
            from = Math.Max(start / granule * granule, behind);
        }

        if (MakesHoles && end > behind
            && (leavesHole || !_data.Covers(map, Math.Max(from, behind), Math.Min(end, EndOfRoom(map)))))
        {
            map = _data.Covers(map, Math.Max(from, behind), end) && change is null
                ? map
                : await RoomBehindAsync(file, map, DownToCluster(Math.Max(from, behind)), end, ahead: !leavesHole, change);
            return map with { Size = new ByteCount(Math.Max(end, map.Size.Value)) };
        }

        if (end > map.Size.Value || !_data.Covers(map, from, end))
        {
            map = await GrowAsync(file, map, end, change);
        }

        return map;
    }

    /// <summary>Behind it there are no clusters; before it, also behind the file's size, there may be gaps.</summary>
    private long EndOfRoom(FileMap map) =>
        Math.Max(UpToCluster(map.Size.Value), map.Extents.Count > 0 ? map.Extents[^1].FileEnd.Value : 0);

    /// <summary>What becomes valid next is stable first (SAFETY 12).</summary>
    private Task FlushBeforeValidAsync() => _options.FlushesBeforeValid ? _flushes.FlushAsync() : Task.CompletedTask;

    /// <summary>
    /// What was written after the count was taken may have been lost to a flush that others waited for: it must not become valid.
    /// </summary>
    private void RequireNoFailedFlush(long failures)
    {
        if (_flushes.Failures != failures)
        {
            throw new VolumeException(VolumeError.IoFailed, "The LUN failed to flush what was written before it became valid.");
        }
    }

    private async Task<FileMap> MapAsync(FileId file)
    {
        if (_maps.Find(file) is { } known)
        {
            return known;
        }

        var map = await WritableMapAsync(file);
        _maps.Put(file, map);
        return map;
    }

    /// <summary>
    /// Where a file's data lies, after it is sure that no replay of the journal will put older content there (SAFETY 15). Data is
    /// written by no other map: redirected writes pass the journal by as much as those inside a layout do.
    /// </summary>
    private Task<FileMap> WritableMapAsync(FileId file) => _metadata.ReadAsync(context =>
    {
        var map = context.Volume.Map(file);
        if (map.Extents.Count > 0)
        {
            context.CheckpointBefore(map.Extents);
        }

        return map;
    });

    /// <summary>Small files of other programs lie in their MFT record, where no block of the LUN is theirs.</summary>
    private static bool IsResident(FileMap map) => map.IsResident && map.ValidLength.Value > 0;

    private async Task<FileMap> MoveOutOfRecordAsync(FileId file)
    {
        var map = await WritableMapAsync(file);
        if (IsResident(map))
        {
            await _metadata.ChangeAsync(context => context.Volume.Extend(file, map.Size));
            map = await WritableMapAsync(file);
        }

        _maps.Put(file, map);
        return map;
    }

    private Done NoteWritten(FileId file)
    {
        _ledger.Wrote(file);
        _times[file] = _thread.WallClock;
        if (!_timesTimerRuns)
        {
            _timesTimerRuns = true;
            _thread.At(_thread.Now + _options.TimesCommit, () =>
            {
                _timesTimerRuns = false;
                Background(CommitTimesAsync);
            });
        }

        return Done.Instance;
    }

    private async Task CommitTimesAsync()
    {
        foreach (var files in _times.Keys.ToArray().Chunk(TimesOfOneCommit))
        {
            // As they are now: one that was set since by a program has left the list.
            (FileId File, FileTime Time)[] slice = [.. files.Where(_times.ContainsKey).Select(file => (file, _times[file]))];
            await _metadata.ChangeAsync(context =>
            {
                foreach (var (file, time) in slice)
                {
                    context.MakeRoom();
                    SetTime(context, file, time);
                }

                return true;
            });
            foreach (var (file, time) in slice)
            {
                if (_times.TryGetValue(file, out var now) && now == time)
                {
                    _times.Remove(file);
                }
            }
        }
    }

    private static void SetTime(Metadata.MetadataContext context, FileId file, FileTime time)
    {
        try
        {
            context.Volume.SetAttributes(file, new AttributeChange { Modified = time, Changed = time });
        }
        catch (VolumeException)
        {
            // The file is gone, and its time with it.
            return;
        }
    }

    private async Task<VolumeReply> SynchronizeAsync(Session session, Synchronize synchronize)
    {
        if (synchronize.WroteDirectly)
        {
            await RecallAttributesAsync(session, synchronize.File);
            NoteWritten(synchronize.File);
        }

        if (_times.Count > 0)
        {
            await CommitTimesAsync();
        }

        if (_tails.HolderOf(synchronize.File) != session.Id)
        {
            // The tail's holder has told what it wrote, before it asked.
            await LookAsync(synchronize.File);
        }

        // Every change that was answered is committed; what is left is data in the LUN's cache.
        await FlushForAsync(synchronize.File);
        return Done.Instance;
    }

    private async Task ClearSetIdAsync(FileId file)
    {
        var attributes = await _metadata.ReadAsync(context => context.Volume.GetAttributes(file));
        var mode = attributes.Mode & ~SetUserId;
        if ((mode & GroupExecute) != 0)
        {
            // Without group execution the bit means mandatory locking on other systems, and stays.
            mode &= ~SetGroupId;
        }

        if (mode != attributes.Mode)
        {
            var now = _thread.WallClock;
            await _metadata.ChangeAsync(
                context => context.Volume.SetAttributes(file, new AttributeChange { Mode = mode, Changed = now }));
        }
    }

    /// <summary>An unprivileged write would take bits of this mode away.</summary>
    private static bool CarriesSetId(int mode) =>
        (mode & SetUserId) != 0 || (mode & (SetGroupId | GroupExecute)) == (SetGroupId | GroupExecute);

    private ByteCount VisibleSize(FileId file, FileMap map) => _visibleSizes.TryGetValue(file, out var visible) ? visible : map.Size;

    /// <summary>Attributes with what is answered already but not in the volume yet.</summary>
    private InodeAttributes Shown(InodeAttributes attributes)
    {
        if (_times.TryGetValue(attributes.File, out var written))
        {
            attributes = attributes with { Modified = written, Changed = written };
        }

        return _visibleSizes.TryGetValue(attributes.File, out var visible) && visible < attributes.Size
            ? attributes with { Size = visible }
            : attributes;
    }
}
