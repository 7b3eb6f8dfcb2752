using Covol.Coordinator.Data;
using Covol.Coordinator.Driver;
using Covol.Coordinator.Metadata;
using Covol.Ntfs;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;

namespace Covol.Coordinator;

/// <summary>Files with holes: what takes no room and reads as zero, how it gets room, and how it gives it back.</summary>
public sealed partial class VolumeCoordinator
{
    /// <summary>The most that a write fills around itself.</summary>
    private const long GranuleMax = 1 << 20;

    /// <summary>The most that a write fills at once where everything before it was filled already, as if it went on so.</summary>
    private const long FillAheadMax = 4 << 20;

    /// <summary>A file that has so many granules gets larger ones.</summary>
    private const int GranulesOfFile = 16;

    /// <summary>The most that is punched before it is looked whether others have to wait too long.</summary>
    private const long PunchStepMax = 1L << 30;

    private bool MakesHoles => _parts.Volume is INtfsHoles { HasHoles: true };

    private static INtfsHoles HolesOf(MetadataContext context) => (INtfsHoles)context.Volume;

    /// <summary>Makes a file longer, with a hole where holes are made, else whole. Inside the file's gate.</summary>
    private async Task<FileMap> StretchAsync(FileId file, FileMap map, long size)
    {
        if (!MakesHoles)
        {
            return await ResizeAsync(file, map, size, null);
        }

        await _metadata.ChangeAsync(context => HolesOf(context).Stretch(file, new ByteCount(size)));
        map = await WritableMapAsync(file);
        _maps.Put(file, map);
        return map;
    }

    /// <summary>Whether a write needs clusters for a hole within valid data, which are put there with the gate alone.</summary>
    private bool NeedsFilling(FileMap map, long start, long end)
    {
        var upTo = Math.Min(end, UpToCluster(map.ValidLength.Value));
        return start < upTo && !_data.Covers(map, start, upTo);
    }

    /// <summary>A write that has the gate alone only for a hole: no node can write there by itself, so nobody is asked for anything.</summary>
    private bool OnlyFills(FileId file, FileMap map, long start, long end) =>
        !IsInDoubt(file) && !IsResident(map) && NeedsFilling(map, start, end)
        && !(_data.Down(start) != start && _data.Covers(map, start, start + 1))
        && !(_data.Down(end) != end && _data.Covers(map, end - 1, end));

    /// <summary>
    /// Inside the gate, alone: clusters for the holes of valid data around a write. They come from behind the file's size, where nobody reads, are
    /// made zero there and flushed, and take their place in one commit: in this order no crash shows what they held before (SAFETY 12, 14, I7).
    /// </summary>
    private async Task<FileMap> FillAroundAsync(FileId file, FileMap map, long start, long end)
    {
        var granule = Granule(map);
        var (from, upTo) = (start / granule * granule, (end + granule - 1) / granule * granule);
        var (_, free, _, _) = await _metadata.ReadAsync(context => context.Volume.GetSpace());
        var spare = SpareOf(map) - await KeptBehindAsync(file, map);
        if (upTo - from > spare + free.Value)
        {
            // More than was written is a guess, and no reason to refuse the write.
            (from, upTo) = (DownToCluster(start), UpToCluster(end));
        }

        var hole = FirstHole(map, start, end);
        var ahead = Math.Min(Math.Min(RowBefore(map, hole), FillAheadMax), Math.Max(spare, free.Value / SpareShare));
        upTo = Math.Min(Math.Max(upTo, UpToCluster(hole + ahead)), UpToCluster(map.ValidLength.Value));
        return (await FillAsync(file, map, from, upTo, hold: null)).Map;
    }

    /// <summary>Bytes without a hole that end there: who has written so much in a row probably goes on.</summary>
    private static long RowBefore(FileMap map, long end)
    {
        var start = end;
        for (var index = map.Extents.Count - 1; index >= 0 && map.Extents[index].FileEnd.Value >= start; index--)
        {
            start = map.Extents[index].FileEnd.Value == start ? map.Extents[index].FileStart.Value : start;
        }

        return end - start;
    }

    /// <summary>In steps, one at least, until the hold is over. Answers up to where there is no hole any more.</summary>
    private async Task<(FileMap Map, long UpTo)> FillAsync(FileId file, FileMap map, long start, long end, Hold? hold)
    {
        var isBegun = false;
        for (var at = FirstHole(map, start, end); at < end; at = FirstHole(map, at, end))
        {
            if (isBegun && hold is { IsOver: true })
            {
                return (map, at);
            }

            isBegun = true;
            var holes = Holes(map, DownToCluster(at), UpToCluster(Math.Min(end, at + _options.StepMax)));

            // What a program asked for behind the size is not there to fill holes with, which takes what lies next.
            map = await SpareAsync(file, map, holes.Sum(hole => hole.Length) + await KeptBehindAsync(file, map));
            var filled = FileData.Place(holes, map, UpToCluster(map.Size.Value));
            _ledger.Wrote(file);
            var failures = _flushes.Failures;
            if (_options.ZeroesFilledHoles)
            {
                await _dataWorkers.RunAsync(() => _data.WriteZeroes(filled));
            }

            await FlushBeforeValidAsync();
            RequireNoFailedFlush(failures);
            map = await _metadata.ChangeAsync(context => HolesOf(context).Fill(file, filled));

            // Whatever is known of the file: by an older map the hole would still be one.
            _maps.Remove(file);
            _maps.Put(file, map);
        }

        return (map, end);
    }

    /// <summary>At least so many spare clusters behind the file's size, stable.</summary>
    private async Task<FileMap> SpareAsync(FileId file, FileMap map, long wanted)
    {
        for (var have = SpareOf(map); have < wanted;)
        {
            var (_, free, _, _) = await _metadata.ReadAsync(context => context.Volume.GetSpace());
            var ahead = Math.Min(Math.Clamp(map.Allocated.Value, _options.HoleMin, SpareMax), free.Value / SpareShare);
            var length = UpToCluster(Math.Max(wanted - have, ahead));
            await _metadata.ChangeAsync(context => HolesOf(context).AddSpare(file, new ByteCount(length)));
            _spare.Add(file);
            map = await WritableMapAsync(file);
            _maps.Put(file, map);
            var now = SpareOf(map);
            if (now <= have)
            {
                GiveAllSpareBack();
                throw new VolumeException(VolumeError.NoSpace, $"The volume has {free} left, a hole takes {wanted} B.");
            }

            have = now;
        }

        return map;
    }

    /// <summary>
    /// Clusters behind valid length for [from, end), stable, where the file has a hole or is shorter. Inside the gate for what is behind valid
    /// length. A file that is written on and on finds its next clusters there.
    /// </summary>
    private async Task<FileMap> RoomBehindAsync(FileId file, FileMap map, long from, long end, bool ahead, StateChange? change)
    {
        // An append's place has to be nobody else's after a crash too, so its size is stable first; not where there is no room for it.
        var placing = change;
        var (_, free, _, _) = await _metadata.ReadAsync(context => context.Volume.GetSpace());
        var least = UpToCluster(end);
        var to = least + (ahead ? Math.Min(Math.Min(map.ValidLength.Value, SpareMax), free.Value / SpareShare) : 0);
        to = Math.Min(Math.Max(to, (end + Granule(map) - 1) / Granule(map) * Granule(map)), ClustersMax * _clusterSize);
        to = end <= map.Size.Value ? Math.Min(to, UpToCluster(map.Size.Value)) : to;
        do
        {
            try
            {
                var upTo = Math.Min(to, from + _options.GrowStepMax);
                map = await _metadata.ChangeAsync(context =>
                {
                    var allocated = HolesOf(context).Allocate(file, new FileByteOffset(from), new FileByteOffset(upTo));
                    if (placing is null)
                    {
                        return allocated;
                    }

                    context.Changes.Add(placing);
                    return HolesOf(context).Stretch(file, new ByteCount(end));
                });
                placing = null;
                from = _data.Covers(map, from, upTo) ? Math.Min(upTo, end - 1) : from;
            }
            catch (VolumeException refused) when (refused.Error == VolumeError.NoSpace)
            {
                if (to == least)
                {
                    GiveAllSpareBack();
                    throw;
                }

                to = least;
            }
        }
        while (!_data.Covers(map, from, end));

        if (SpareOf(map) > 0)
        {
            _spare.Add(file);
        }

        map = await WritableMapAsync(file);
        _maps.Put(file, map);
        return map;
    }

    /// <summary>
    /// Every cluster of [start, end) is there, as fallocate wants it, or up to where it came before the hold was over. Inside the gate, alone.
    /// </summary>
    private async Task<(FileMap Map, long UpTo)> MakeWholeAsync(FileId file, FileMap map, long start, long end, Hold hold)
    {
        var wanted = Holes(map, DownToCluster(start), UpToCluster(end)).Sum(hole => hole.Length);
        var (_, free, _, _) = await _metadata.ReadAsync(context => context.Volume.GetSpace());
        if (wanted > free.Value + SpareOf(map))
        {
            GiveAllSpareBack();
            throw new VolumeException(VolumeError.NoSpace, $"The volume has {free} left, the range takes {wanted} B.");
        }

        var valid = Math.Min(end, UpToCluster(map.ValidLength.Value));
        if (start < valid)
        {
            (map, var upTo) = await FillAsync(file, map, start, valid, hold);
            if (upTo < valid)
            {
                return (map, upTo);
            }
        }

        for (var at = Math.Max(start, valid); at < end;)
        {
            if (at > start && hold.IsOver)
            {
                return (map, at);
            }

            var to = Math.Min(end, at + _options.GrowStepMax);
            map = _data.Covers(map, at, to) ? map : await RoomBehindAsync(file, map, DownToCluster(at), to, ahead: false, null);
            at = to;
        }

        return (map, end);
    }

    private async Task<VolumeReply> MakeRoomAsync(RequestId id, Allocate allocate, long end, Func<Hold> begin)
    {
        using var gate = await _gates.EnterAsync(allocate.File, GateMode.Exclusive);
        await EndTailAsync(allocate.File, id.Session);
        var map = await MapAsync(allocate.File);
        if (IsResident(map))
        {
            map = await MoveOutOfRecordAsync(allocate.File);
        }

        (map, var upTo) = await MakeWholeAsync(allocate.File, map, allocate.Offset.Value, end, begin());
        if (allocate.Mode == AllocationMode.KeepSize && upTo > UpToCluster(map.Size.Value))
        {
            // With each part: between two of them whoever finds the volume full would have what is there given back, as others that were a guess.
            var kept = new ByteCount(UpToCluster(upTo));
            await _metadata.ChangeAsync(context =>
            {
                HolesOf(context).KeepRoom(allocate.File, kept);
                return true;
            });
        }

        if (upTo >= end && allocate.Mode == AllocationMode.Extend && end > map.Size.Value)
        {
            await StretchAsync(allocate.File, map, end);
        }

        return await EndPartAsync(id, allocate.File, upTo, end);
    }

    /// <summary>Bytes of clusters behind the size that a program asked for.</summary>
    private async Task<long> KeptBehindAsync(FileId file, FileMap map) =>
        SpareOf(map) is > 0 and var spare
            ? Math.Clamp((await _metadata.ReadAsync(context => HolesOf(context).RoomKept(file))).Value - UpToCluster(map.Size.Value), 0, spare)
            : 0;

    /// <summary>Clusters behind the size that a program asked for: a cut gives them back, to the present size too.</summary>
    private async Task<bool> HasKeptRoomAsync(FileId file, FileMap map) =>
        MakesHoles && SpareOf(map) > 0 && (await _metadata.ReadAsync(context => HolesOf(context).RoomKept(file))).Value > 0;

    /// <summary>
    /// FALLOC_FL_PUNCH_HOLE: zeroes in the parts of clusters at both ends, and the clusters between are freed. The layouts are recalled before the
    /// operation enters the metadata thread, so no node reads or writes what somebody else gets (SAFETY 22, I4).
    /// </summary>
    private async Task<VolumeReply> PunchAsync(RequestId id, Allocate allocate, long end, Func<Hold> begin)
    {
        if (!MakesHoles)
        {
            throw new VolumeException(VolumeError.NotSupported, "The files of this volume have no holes.");
        }

        RefuseInGrace("Making a hole");
        using var gate = await _gates.EnterAsync(allocate.File, GateMode.Exclusive);
        await EndTailAsync(allocate.File, id.Session);
        if (_options.RecallsBeforePunch)
        {
            await RecallAsync(allocate.File, Protocol.Layouts.RecallScope.All);
        }

        var hold = begin();
        var map = await MapAsync(allocate.File);
        if (IsResident(map))
        {
            map = await MoveOutOfRecordAsync(allocate.File);
        }

        var start = allocate.Offset.Value;
        var (wanted, upTo) = (end, end);
        var size = map.Size.Value;
        if (start < size)
        {
            var first = UpToCluster(start);
            var last = end >= size ? UpToCluster(size) : DownToCluster(end);
            end = Math.Min(end, Math.Min(size, map.ValidLength.Value));
            await ZeroPartAsync(allocate.File, map, start, Math.Min(end, first));
            await ZeroPartAsync(allocate.File, map, Math.Max(last, first), end);
            var at = first;
            for (; at < last && (at == first || !hold.IsOver); at = Math.Min(last, at + PunchStepMax))
            {
                _maps.Remove(allocate.File);
                var (from, to) = (new FileByteOffset(at), new FileByteOffset(Math.Min(last, at + PunchStepMax)));
                while (!await _metadata.ChangeAsync(context => HolesOf(context).PunchStep(allocate.File, from, to)))
                {
                    // Each step frees a bounded number of clusters and is a commit of its own; cut short, it is done again.
                }
            }

            upTo = at < last ? at : wanted;
        }

        return await EndPartAsync(id, allocate.File, upTo, wanted);
    }

    /// <summary>Zeroes in part of a cluster, where it is no hole.</summary>
    private async Task ZeroPartAsync(FileId file, FileMap map, long start, long end)
    {
        if (start < end && _data.Covers(map, start, end))
        {
            _ledger.Wrote(file);
            await _dataWorkers.RunAsync(() => WriteZeroEdge(map, start, end));
        }
    }

    /// <summary>The gaps of [from, to), whole clusters.</summary>
    private static List<(long Start, long Length)> Holes(FileMap map, long from, long to)
    {
        var holes = new List<(long, long)>();
        var at = from;
        foreach (var extent in map.Extents)
        {
            if (extent.FileEnd.Value <= at)
            {
                continue;
            }

            if (extent.FileStart.Value >= to)
            {
                break;
            }

            if (extent.FileStart.Value > at)
            {
                holes.Add((at, extent.FileStart.Value - at));
            }

            at = extent.FileEnd.Value;
        }

        if (at < to)
        {
            holes.Add((at, to - at));
        }

        return holes;
    }

    /// <summary>Bytes of clusters behind valid length, up to the first hole.</summary>
    private static long BehindValid(FileMap map)
    {
        var at = map.ValidLength.Value;
        foreach (var extent in map.Extents)
        {
            if (extent.FileStart.Value > at)
            {
                break;
            }

            at = Math.Max(at, extent.FileEnd.Value);
        }

        return at - map.ValidLength.Value;
    }

    private static bool HasHoleBehindValid(FileMap map) => map.ValidLength.Value + BehindValid(map) < map.Size.Value;

    /// <summary>Clusters for the hole that a file has behind valid length, as many as can be had; on the metadata thread.</summary>
    private FileMap AllocateBehind(MetadataContext context, FileId file, FileMap map, long room)
    {
        var from = UpToCluster(map.ValidLength.Value);
        try
        {
            return HolesOf(context).Allocate(
                file, new FileByteOffset(from), new FileByteOffset(Math.Min(from + UpToCluster(room), UpToCluster(map.Size.Value))));
        }
        catch (VolumeException refused) when (refused.Error == VolumeError.NoSpace)
        {
            // It was only a guess that the file goes on growing.
            return map;
        }
    }

    /// <summary>Bytes of clusters behind the size.</summary>
    private long SpareOf(FileMap map)
    {
        var from = UpToCluster(map.Size.Value);
        return map.Extents.Sum(extent => Math.Max(0, extent.FileEnd.Value - Math.Max(from, extent.FileStart.Value)));
    }

    private long Granule(FileMap map)
    {
        var wanted = Math.Clamp(map.Allocated.Value / GranulesOfFile, _options.HoleMin, GranuleMax);
        return Math.Max(_clusterSize, 1L << System.Numerics.BitOperations.Log2((ulong)wanted));
    }

    private long UpToCluster(long position) => checked(position + _clusterSize - 1) / _clusterSize * _clusterSize;

    private long DownToCluster(long position) => position / _clusterSize * _clusterSize;
}
