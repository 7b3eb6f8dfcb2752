using Covol.Coordinator.Data;
using Covol.Coordinator.Driver;
using Covol.Coordinator.Sessions;
using Covol.Ntfs;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Session = Covol.Coordinator.Sessions.Session;

namespace Covol.Coordinator;

/// <summary>
/// Zeroes, in steps. A long range takes longer than others may be kept from the file, so a request carries out what fits its
/// <see cref="Hold"/> and answers how far it came; the rest is another request, with its own gate, tail, recall and answer.
/// </summary>
public sealed partial class VolumeCoordinator
{
    /// <summary>Zeroes from one place to another; holes are zero already.</summary>
    private Task ZeroAsync(FileMap map, long from, long to) => ZeroAsync(map, from, to, hold: null);

    /// <summary>The same, one step at least, until the hold is over; answers up to where it is zero.</summary>
    private async Task<long> ZeroAsync(FileMap map, long from, long to, Hold? hold)
    {
        var isBegun = false;
        foreach (var part in FileData.Parts(map, from, to))
        {
            for (var at = part.Start; at < part.End;)
            {
                if (isBegun && hold is { IsOver: true })
                {
                    return at;
                }

                isBegun = true;
                var start = at;
                at = await _dataWorkers.RunAsync(() => _data.ZeroStep(map, start, part.End, _options.StepMax));
            }
        }

        return to;
    }

    private async Task<VolumeReply> ZeroRangeAsync(RequestId id, Allocate allocate, long end, Func<Hold> begin)
    {
        RefuseInGrace("Zeroing part of a file");
        using var gate = await _gates.EnterAsync(allocate.File, GateMode.Exclusive);
        await EndTailAsync(allocate.File, id.Session);
        await RecallAsync(allocate.File, Protocol.Layouts.RecallScope.All);
        var hold = begin();
        var map = await MapAsync(allocate.File);
        if (IsResident(map))
        {
            map = await MoveOutOfRecordAsync(allocate.File);
        }

        if (allocate.Mode == AllocationMode.ZeroInside)
        {
            end = Math.Min(end, map.Size.Value);
        }

        var start = allocate.Offset.Value;
        var upTo = end;
        if (MakesHoles)
        {
            (map, upTo) = await MakeWholeAsync(allocate.File, map, start, end, hold);
        }

        upTo = await ZeroInsideAsync(allocate.File, map, start, upTo, hold);
        if (upTo >= end && end > map.Size.Value)
        {
            await StretchAsync(allocate.File, map, end);
        }

        return await EndPartAsync(id, allocate.File, upTo, end);
    }

    /// <summary>Past valid length everything reads as zero already. Answers up to where it is so.</summary>
    private async Task<long> ZeroInsideAsync(FileId file, FileMap map, long start, long end, Hold hold)
    {
        var upTo = Math.Min(end, map.ValidLength.Value);
        if (start >= upTo)
        {
            return end;
        }

        var headEnd = Math.Min(upTo, _data.Up(start));
        var tailStart = Math.Max(headEnd, _data.Down(upTo));
        _ledger.Wrote(file);
        await _dataWorkers.RunAsync(() => WriteZeroEdge(map, start, headEnd));
        var zeroed = await ZeroAsync(map, headEnd, tailStart, hold);
        if (zeroed >= tailStart)
        {
            await _dataWorkers.RunAsync(() => WriteZeroEdge(map, tailStart, upTo));
            zeroed = end;
        }

        _ledger.Wrote(file);
        return zeroed;
    }

    private void WriteZeroEdge(FileMap map, long start, long end)
    {
        if (start < end)
        {
            _data.WriteBytes(map, start, new byte[end - start]);
        }
    }

    /// <summary>Commits the file's times with the answer: done, or up to where.</summary>
    private async Task<VolumeReply> EndPartAsync(RequestId id, FileId file, long upTo, long end)
    {
        VolumeReply answer = upTo >= end ? Done.Instance : new Allocated(new FileByteOffset(upTo));
        await TouchAsync(id, file, answer);
        return answer;
    }

    /// <summary>
    /// Inside the gate, before a write far behind valid length: what lies between has clusters, and is made zero and valid, for as long as a
    /// request may take. What was done stays, so the same request goes on from there when it comes again; it has changed nothing else
    /// yet. Only within the file's size, which nobody sees grow before the data.
    /// </summary>
    private async Task<FileMap> ZeroBeforeAsync(FileId file, FileMap map, long start, Hold hold)
    {
        var end = _data.Down(Math.Min(start, map.Size.Value));
        if (IsResident(map) || end - map.ValidLength.Value <= _options.StepMax
            || FileData.Parts(map, map.ValidLength.Value, end).Sum(part => part.End - part.Start) <= _options.StepMax)
        {
            return map;
        }

        _ledger.Wrote(file);
        var failures = _flushes.Failures;
        var upTo = await ZeroAsync(map, map.ValidLength.Value, end, hold);
        await _flushes.FlushAsync();
        RequireNoFailedFlush(failures);
        var now = _thread.WallClock;
        await _metadata.ChangeAsync(context =>
        {
            context.Volume.SetValidLength(file, new ByteCount(upTo), now);
            return true;
        });
        map = map with { ValidLength = new ByteCount(upTo) };
        _maps.Put(file, map);
        return upTo >= end
            ? map
            : throw new VolumeException(VolumeError.AskAgain, $"What lies before the write into {file} is zeroed up to {upTo} B.");
    }

    private Func<Hold> HoldOf(Session session, Slot slot) => () => new Hold(_thread, _options.HoldMax, session, slot);
}
