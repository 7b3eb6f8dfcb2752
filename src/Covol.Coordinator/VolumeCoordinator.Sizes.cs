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

/// <summary>What changes how long a file is and how much of the LUN it takes.</summary>
public sealed partial class VolumeCoordinator
{
    /// <summary>Files below this size grow by what is asked for only.</summary>
    private const long SpareFrom = 256 << 10;

    /// <summary>A file that grows by writing gets as much again as it has, at most this.</summary>
    private const long SpareMax = 64L << 20;

    /// <summary>Spare clusters are at most this share of what is free, so that guesses never fill the volume.</summary>
    private const int SpareShare = 64;

    /// <summary>
    /// Files that were given clusters behind their size, to be given back at the last close. Those of an earlier coordinator
    /// are found by
    /// their maps.
    /// </summary>
    private readonly HashSet<FileId> _spare = [];

    private async Task<VolumeReply> SetSizeAsync(RequestId id, SetSize set)
    {
        if (set.Size.Value < 0)
        {
            throw new VolumeException(VolumeError.InvalidArgument, "A size is not negative.");
        }

        RefuseTooLarge(set.Size.Value);

        // Of a file in doubt nothing is changed beside a slow write that came before: that would land over it.
        var entering = _gates.EnterAsync(set.File, IsInDoubt(set.File) ? GateMode.Exclusive : GateMode.Extend);
        while (true)
        {
            using var gate = await entering;
            await EndTailAsync(set.File, id.Session);
            var map = await MapAsync(set.File);
            if (set.Size < map.Size || (set.Size == map.Size && await HasKeptRoomAsync(set.File, map)))
            {
                RefuseInGrace("Cutting a file");
                if (gate.Mode != GateMode.Exclusive)
                {
                    // Ahead of those who came after it: a cut that waits here may be given up, and must not cut what is written then.
                    entering = _gates.EnterAsync(set.File, GateMode.Exclusive, _options.KeepsCutsTurn ? gate : null);
                    continue;
                }

                // Before the operation enters the metadata thread, or the recall's answer might wait for that thread (SAFETY 22).
                await RecallAsync(set.File, RecallScope.All);
                return new Entry(Shown(await ShrinkAsync(id, set)));
            }

            if (set.Size > map.Size)
            {
                await StretchAsync(set.File, map, set.Size.Value);
            }

            return new Entry(Shown(await TouchAsync(id, set.File)));
        }
    }

    private async Task<InodeAttributes> ShrinkAsync(RequestId id, SetSize set)
    {
        _maps.Remove(set.File);
        while (!await _metadata.ChangeAsync(context => context.Volume.ShrinkStep(set.File, set.Size)))
        {
            // Each step frees a bounded number of clusters and is a commit of its own; cut short, it is done again from where
            // it is.
        }

        if (set.Size == ByteCount.Zero)
        {
            // Not before the last step is stable: a crash in between leaves what may be lost.
            ForgetLoss(set.File, isGone: true);
        }

        return await TouchAsync(id, set.File);
    }

    /// <summary>The file's times, and the request's answer: its attributes, or the one that is given here.</summary>
    private async Task<InodeAttributes> TouchAsync(RequestId id, FileId file, VolumeReply? answer = null)
    {
        var now = _thread.WallClock;
        _times.Remove(file);
        return await _metadata.ChangeAsync(context =>
        {
            var touched = context.Shown(context.Volume.SetAttributes(file, new AttributeChange { Modified = now, Changed = now }));
            context.Changes.Add(new StateChange.Answered(id, answer ?? new Entry(touched)));
            return touched;
        });
    }

    /// <summary>
    /// Clusters for a write that ends at <paramref name="size"/>, stable. Inside the file's gate. The size on the LUN grows
    /// with valid
    /// length, in one commit; the map that comes back is already that long. A file that goes on growing finds its clusters
    /// there, and
    /// pays for one commit a write instead of two.
    /// </summary>
    private async Task<FileMap> GrowAsync(FileId file, FileMap map, long size, StateChange? change)
    {
        if (change is not null || map.Size.Value == 0 || size < SpareFrom)
        {
            // An append's place has to be nobody else's after a crash too, so its size is stable first.
            return await ResizeAsync(file, map, size, change);
        }

        if (!HasClusters(map, size))
        {
            var (_, free, _, _) = await _metadata.ReadAsync(context => context.Volume.GetSpace());
            var spare = Math.Min(Math.Min(size, SpareMax), free.Value / SpareShare);
            await _metadata.ChangeAsync(context => context.Volume.Preallocate(file, new ByteCount(size + spare)));
            map = await WritableMapAsync(file);
            _spare.Add(file);
            _maps.Put(file, map);
        }

        return HasClusters(map, size)
            ? map with { Size = new ByteCount(Math.Max(size, map.Size.Value)) }
            : await ResizeAsync(file, map, size, change);
    }

    private bool HasClusters(FileMap map, long size) =>
        _data.Covers(map, Math.Min(map.ValidLength.Value, size), size);

    /// <summary>
    /// Makes a file as long as wanted and allocates all of it in steps, each stable before the next. Inside the file's gate.
    /// </summary>
    private async Task<FileMap> ResizeAsync(FileId file, FileMap map, long size, StateChange? change)
    {
        var present = Math.Max(map.Size.Value, map.Allocated.Value);
        if (size - present > _options.GrowStepMax)
        {
            // A refusal half way would leave the file longer than it was.
            var (_, free, _, _) = await _metadata.ReadAsync(context => context.Volume.GetSpace());
            if (size - present > free.Value)
            {
                GiveAllSpareBack();
                throw new VolumeException(VolumeError.NoSpace, $"The volume has {free} left, the file would take {size} B.");
            }
        }

        try
        {
            do
            {
                // A step may come back shorter than asked for, when its pages fill the journal's commit.
                var upTo = new ByteCount(Math.Min(size, Math.Max(map.Allocated.Value, map.Size.Value) + _options.GrowStepMax));
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
            while (map.Size.Value < size);
        }
        catch (VolumeException refused) when (refused.Error == VolumeError.NoSpace)
        {
            GiveAllSpareBack();
            throw;
        }

        map = await WritableMapAsync(file);
        _maps.Put(file, map);
        return map;
    }

    /// <summary>At the last close: clusters behind the size are given back.</summary>
    private void GiveSpareBack(FileId file)
    {
        var isKnown = _spare.Remove(file)
            || (_maps.Find(file) is { } map && SpareOf(map) > 0);
        if (isKnown && !InGrace && !_orphans.Contains(file) && _trimming.Add(file))
        {
            Background(() => TrimAsync(file));
        }
    }

    /// <summary>
    /// The volume is full: what was allocated on a guess is given back. Not waited for, because each file's gate is, and nobody
    /// waits for
    /// a gate inside another; who was refused finds the room when the program asks again.
    /// </summary>
    private void GiveAllSpareBack()
    {
        foreach (var file in _spare.ToList())
        {
            GiveSpareBack(file);
        }
    }

    private async Task TrimAsync(FileId file)
    {
        using var gate = await _gates.EnterAsync(file, GateMode.Exclusive);
        await EndTailAsync(file, null);
        await RecallAsync(file, RecallScope.All);
        _maps.Remove(file);
        try
        {
            for (FileMap? before = null, map = null; map is null || map.Allocated != before?.Allocated;)
            {
                // Each step is a commit of its own; the one that finds nothing to give back is the last.
                before = map;
                map = await _metadata.ChangeAsync(context => context.Volume.TrimStep(file));
            }
        }
        catch (VolumeException refusal) when (refusal.Error is VolumeError.Stale or VolumeError.NotSupported)
        {
            // The file went meanwhile, and its clusters with it.
            _spare.Remove(file);
        }
        finally
        {
            _trimming.Remove(file);
            _leases.Changed(file);
        }
    }

    private async Task<VolumeReply> AllocateAsync(Session session, Slot slot, RequestId id, Allocate allocate)
    {
        if (allocate.Offset.Value < 0 || allocate.Length.Value <= 0 || allocate.Offset.Value > long.MaxValue - allocate.Length.Value)
        {
            throw new VolumeException(VolumeError.InvalidArgument, "A range to allocate has a length and ends within a file's positions.");
        }

        var end = allocate.Offset.Value + allocate.Length.Value;
        if (allocate.Mode == AllocationMode.PunchHole)
        {
            return await PunchAsync(id, allocate, end, HoldOf(session, slot));
        }

        RefuseTooLarge(end);
        switch (allocate.Mode)
        {
            case AllocationMode.KeepSize or AllocationMode.Extend when MakesHoles:
                return await MakeRoomAsync(id, allocate, end, HoldOf(session, slot));
            case AllocationMode.KeepSize:
                return await KeepRoomAsync(allocate, end);
            case AllocationMode.Extend:
            {
                using var gate = await _gates.EnterAsync(allocate.File, GateMode.Extend);
                await EndTailAsync(allocate.File, id.Session);
                var map = await MapAsync(allocate.File);
                if (end > map.Size.Value)
                {
                    await ResizeAsync(allocate.File, map, end, null);
                }

                await TouchAsync(id, allocate.File, Done.Instance);
                return Done.Instance;
            }

            case AllocationMode.ZeroRange or AllocationMode.ZeroInside:
                return await ZeroRangeAsync(id, allocate, end, HoldOf(session, slot));
            default:
                throw new VolumeException(VolumeError.NotSupported, $"{allocate.Mode} is not carried out.");
        }
    }
}
