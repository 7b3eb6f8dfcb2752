using Covol.Coordinator.Driver;
using Covol.Ntfs;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using StateChange = Covol.Coordinator.Metadata.StateChange;

namespace Covol.Coordinator;

/// <summary>What changes how long a file is and how much of the LUN it takes.</summary>
public sealed partial class VolumeCoordinator
{
    /// <summary>The most that one commit allocates, so that its bitmap pages fit the journal with room to spare.</summary>
    private const long GrowStepMax = 16L << 30;

    private async Task<VolumeReply> SetSizeAsync(RequestId id, SetSize set)
    {
        if (set.Size.Value < 0)
        {
            throw new VolumeException(VolumeError.InvalidArgument, "A size is not negative.");
        }

        RefuseTooLarge(set.Size.Value);
        var mode = GateMode.Extend;
        while (true)
        {
            using var gate = await _gates.EnterAsync(set.File, mode);
            var map = await MapAsync(set.File);
            if (set.Size < map.Size)
            {
                RefuseInGrace("Cutting a file");
                if (mode != GateMode.Exclusive)
                {
                    mode = GateMode.Exclusive;
                    continue;
                }

                // Before the operation enters the metadata thread, or the recall's answer might wait for that thread (SAFETY 22).
                await RecallAsync(set.File, RecallScope.All);
                return new Entry(Shown(await ShrinkAsync(id, set)));
            }

            if (set.Size > map.Size)
            {
                await GrowAsync(set.File, map, set.Size.Value, null);
            }

            return new Entry(Shown(await TouchAsync(id, set.File)));
        }
    }

    private async Task<InodeAttributes> ShrinkAsync(RequestId id, SetSize set)
    {
        _maps.Remove(set.File);
        if (set.Size == ByteCount.Zero)
        {
            ForgetLoss(set.File, isGone: true);
        }

        while (!await _metadata.ChangeAsync(context => context.Volume.ShrinkStep(set.File, set.Size)))
        {
            // Each step frees a bounded number of clusters and is a commit of its own; cut short, it is done again from where
            // it is.
        }

        return await TouchAsync(id, set.File);
    }

    private async Task<InodeAttributes> TouchAsync(RequestId id, FileId file)
    {
        var now = _thread.WallClock;
        _times.Remove(file);
        return await _metadata.ChangeAsync(context =>
        {
            var touched = context.Shown(context.Volume.SetAttributes(file, new AttributeChange { Modified = now, Changed = now }));
            context.Changes.Add(new StateChange.Answered(id, new Entry(touched)));
            return touched;
        });
    }

    /// <summary>Allocates up to a size in steps, each stable before the next. Inside the file's gate.</summary>
    private async Task<FileMap> GrowAsync(FileId file, FileMap map, long size, StateChange? change)
    {
        if (size - map.Allocated.Value > GrowStepMax)
        {
            // A refusal half way would leave the file longer than it was.
            var (_, free, _, _) = await _metadata.ReadAsync(context => context.Volume.GetSpace());
            if (size - map.Allocated.Value > free.Value)
            {
                throw new VolumeException(VolumeError.NoSpace, $"The volume has {free} left, the file would take {size} B.");
            }
        }

        var at = map.Allocated.Value;
        do
        {
            at = Math.Min(size, Math.Max(at, map.Size.Value) + GrowStepMax);
            var upTo = new ByteCount(Math.Max(at, map.Size.Value));
            map = await _metadata.ChangeAsync(context =>
            {
                var grown = context.Volume.Extend(file, upTo);
                if (change is not null)
                {
                    context.Changes.Add(change);
                }

                return grown;
            });
        }
        while (at < size);

        map = await WritableMapAsync(file);
        _maps.Put(file, map);
        return map;
    }

    private async Task<VolumeReply> AllocateAsync(RequestId id, Allocate allocate)
    {
        if (allocate.Offset.Value < 0 || allocate.Length.Value <= 0 || allocate.Offset.Value > long.MaxValue - allocate.Length.Value)
        {
            throw new VolumeException(VolumeError.InvalidArgument, "A range to allocate has a length and ends within a file's positions.");
        }

        var end = allocate.Offset.Value + allocate.Length.Value;
        RefuseTooLarge(end);
        switch (allocate.Mode)
        {
            case AllocationMode.KeepSize:
                return await KeepRoomAsync(allocate, end);
            case AllocationMode.Extend:
            {
                using var gate = await _gates.EnterAsync(allocate.File, GateMode.Extend);
                var map = await MapAsync(allocate.File);
                if (end > map.Size.Value)
                {
                    await GrowAsync(allocate.File, map, end, null);
                }

                await TouchAsync(id, allocate.File);
                return Done.Instance;
            }

            case AllocationMode.ZeroRange or AllocationMode.ZeroInside:
                return await ZeroRangeAsync(id, allocate, end);
            default:
                throw new VolumeException(VolumeError.NotSupported, $"{allocate.Mode} is not carried out.");
        }
    }

    private async Task<VolumeReply> ZeroRangeAsync(RequestId id, Allocate allocate, long end)
    {
        RefuseInGrace("Zeroing part of a file");
        using var gate = await _gates.EnterAsync(allocate.File, GateMode.Exclusive);
        await RecallAsync(allocate.File, RecallScope.All);
        var map = await MapAsync(allocate.File);
        if (IsResident(map))
        {
            map = await MoveOutOfRecordAsync(allocate.File);
        }

        if (allocate.Mode == AllocationMode.ZeroInside)
        {
            end = Math.Min(end, map.Size.Value);
        }

        if (end > map.Size.Value)
        {
            map = await GrowAsync(allocate.File, map, end, null);
        }

        // Past valid length everything reads as zero already.
        var start = allocate.Offset.Value;
        end = Math.Min(end, map.ValidLength.Value);
        if (start < end)
        {
            if (!_data.Covers(map, start, end))
            {
                throw new VolumeException(
                    VolumeError.NotSupported, "The file is sparse here; copy it (cp --sparse=never) to write to it.");
            }

            var headEnd = Math.Min(end, _data.Up(start));
            var tailStart = Math.Max(headEnd, _data.Down(end));
            _ledger.Wrote(allocate.File);
            await _dataWorkers.RunAsync(() => WriteZeroEdge(map, start, headEnd));
            await ZeroAsync(map, headEnd, tailStart);
            await _dataWorkers.RunAsync(() => WriteZeroEdge(map, tailStart, end));
            _ledger.Wrote(allocate.File);
        }

        await TouchAsync(id, allocate.File);
        return Done.Instance;
    }

    private void WriteZeroEdge(FileMap map, long start, long end)
    {
        if (start < end)
        {
            _data.WriteBytes(map, start, new byte[end - start]);
        }
    }
}
