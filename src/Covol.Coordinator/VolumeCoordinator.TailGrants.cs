using Covol.Coordinator.Driver;
using Covol.Coordinator.Metadata;
using Covol.Ntfs;
using Covol.Protocol.Control;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Session = Covol.Coordinator.Sessions.Session;

namespace Covol.Coordinator;

/// <summary>Who gets room behind valid length, how much, and when it is made longer.</summary>
public sealed partial class VolumeCoordinator
{
    private const long LeastRoomMax = 256 << 10;

    /// <summary>
    /// Which request a tail was given to: sent again, because its answer was lost, it is given again. And where the tail ends. Those of an
    /// earlier coordinator are not known.
    /// </summary>
    private readonly Dictionary<FileId, (RequestId Id, long End)> _tailGrants = [];

    /// <summary>
    /// A layout with a tail, or null: one without is all there is. The clusters are the file's and stable, no replay will put older content
    /// there [15], and the claim is in the journal before the node hears of it.
    /// </summary>
    private async Task<Layout?> TryGrantTailAsync(Session session, RequestId id, FileId file)
    {
        if (!_options.GrantsTails || _phase != CoordinatorPhase.Serving)
        {
            return null;
        }

        using var gate = await _gates.EnterAsync(file, GateMode.Extend);
        if (_tailGrants.TryGetValue(file, out var given) && given.Id == id && _tails.HolderOf(file) == session.Id)
        {
            // The answer was lost, so the node never saw what it was given.
            await EndClaimAsync(file, null, null);
        }

        // Asked again after the waits in between: from then on a slow write may be in doubt, and would land over what the node writes (I3).
        if (!MayClaim() || await TailMapAsync(file) is not { } map || !MayClaim())
        {
            return null;
        }

        var extents = Covered(map, map.ValidLength.Value + Math.Min(RoomFor(map), _options.TailMax));
        var end = extents.Count == 0 ? 0 : extents[^1].FileEnd.Value;
        if (end - map.ValidLength.Value < LeastRoom)
        {
            return null;
        }

        _ledger.Wrote(file);
        if (StepLayouts(new LayoutInput.Ask(session.Id, file, LayoutAccess.ReadWrite)) is not LayoutEffect.Granted granted)
        {
            return null;
        }

        _tailGrants[file] = (id, end);
        StepTails(new TailInput.Claimed(file, session.Id, granted.Generation));
        await _metadata.ChangeAsync(context =>
        {
            context.Changes.Add(new StateChange.TailClaimed(file, session.Id, granted.Generation));
            return true;
        });
        return new Layout(file, granted.Generation, LayoutAccess.ReadWrite, extents, map.ValidLength) { TailEnd = extents[^1].FileEnd };

        bool MayClaim() => MayWriteBehind(session, file) && _tails.MayClaim(_thread.Now, file);
    }

    /// <summary>
    /// The same grant with a longer tail, or null: it stays as it is. Asked before the present one is full, so that the node never waits.
    /// </summary>
    private async Task<Layout?> TryExtendTailAsync(Session session, FileId file, LayoutGeneration generation)
    {
        using var gate = await _gates.EnterAsync(file, GateMode.Extend);
        if (!MayExtend() || !_tailGrants.TryGetValue(file, out var given))
        {
            return null;
        }

        var map = await MapAsync(file);
        var step = await AffordableAsync(Math.Clamp(2 * given.End, _options.TailMin, _options.TailStepMax));
        var wanted = Math.Min(given.End + step, map.ValidLength.Value + _options.TailMax);
        if (wanted > map.ValidLength.Value + BehindValid(map) && !HasHoleBehindValid(map))
        {
            map = await PreallocatedAsync(file, wanted);
        }

        var extents = Covered(map, wanted);
        var end = extents.Count == 0 ? 0 : extents[^1].FileEnd.Value;
        if (end - given.End < LeastRoom || !MayExtend())
        {
            return null;
        }

        _tailGrants[file] = given with { End = end };
        return new Layout(file, generation, LayoutAccess.ReadWrite, extents, map.ValidLength) { TailEnd = extents[^1].FileEnd };

        bool MayExtend() => MayWriteBehind(session, file) && _tails.Counts(file, session.Id, generation);
    }

    /// <summary>Nobody is about to take it away.</summary>
    private bool MayWriteBehind(Session session, FileId file) =>
        _phase == CoordinatorPhase.Serving && !session.IsEnding && !IsInDoubt(file) && !_ledger.IsLost(file);

    /// <summary>The file's map with room behind valid length; null where it cannot have any.</summary>
    private async Task<FileMap?> TailMapAsync(FileId file)
    {
        var map = await WritableMapAsync(file);
        var attributes = await _metadata.ReadAsync(context => context.Volume.GetAttributes(file));

        // The block that valid length ends in is the coordinator's, and so is every write that begins there.
        if (attributes.Kind != FileKind.Regular || CarriesSetId(attributes.Mode) || map.ValidLength.Value < _options.TailFrom
            || _data.Down(map.ValidLength.Value) != map.ValidLength.Value
            || IsResident(map) || !_data.Covers(map, 0, map.ValidLength.Value) || _orphans.Contains(file))
        {
            return null;
        }

        _maps.Put(file, map);
        var room = await AffordableAsync(RoomFor(map));
        if (BehindValid(map) >= room / 2)
        {
            return map;
        }

        return HasHoleBehindValid(map)
            ? await FilledBehindAsync(file, map, room)
            : await PreallocatedAsync(file, map.Size.Value + room);
    }

    /// <summary>Less room than this is not worth a tail, in bytes.</summary>
    private long LeastRoom => Math.Min(_options.TailMin / 4, LeastRoomMax);

    /// <summary>How much a file that grows gets; it goes back at the last close.</summary>
    private long RoomFor(FileMap map) => Math.Clamp(4 * map.Size.Value, _options.TailMin, _options.TailStepMax);

    private async Task<long> AffordableAsync(long room)
    {
        var (_, free, _, _) = await _metadata.ReadAsync(context => context.Volume.GetSpace());
        return Math.Min(room, free.Value / SpareShare);
    }

    /// <summary>Inside the gate: the map with clusters in the hole that a file which was made long first has behind valid length.</summary>
    private async Task<FileMap> FilledBehindAsync(FileId file, FileMap map, long room)
    {
        await _metadata.ChangeAsync(context => AllocateBehind(context, file, map, room));
        var filled = await WritableMapAsync(file);
        _maps.Put(file, filled);
        return filled;
    }

    /// <summary>Inside the gate: the map with clusters up to there, or with fewer: a guess is no reason to refuse anybody anything.</summary>
    private async Task<FileMap> PreallocatedAsync(FileId file, long upTo)
    {
        try
        {
            await _metadata.ChangeAsync(context => context.Volume.Preallocate(file, new ByteCount(upTo)));
            _spare.Add(file);
        }
        catch (VolumeException refused) when (refused.Error == VolumeError.NoSpace)
        {
            GiveAllSpareBack();
        }

        var map = await WritableMapAsync(file);
        _maps.Put(file, map);
        return map;
    }

    /// <summary>The extents up to there, rounded up to whole clusters, as many as one grant holds.</summary>
    private List<FileExtent> Covered(FileMap map, long upTo)
    {
        var covered = new List<FileExtent>();
        var at = FileByteOffset.Zero;
        foreach (var extent in map.Extents)
        {
            if (extent.FileStart != at || covered.Count == Layout.ExtentsMax || at.Value >= upTo)
            {
                break;
            }

            var wanted = (upTo - at.Value + _clusterSize - 1) / _clusterSize * _clusterSize;
            covered.Add(extent with { Length = new ByteCount(Math.Min(extent.Length.Value, wanted)) });
            at = covered[^1].FileEnd;
        }

        return covered;
    }

    /// <summary>Where the file's tail ends, as far as that is known.</summary>
    private long TailEndOf(FileId file) => _tailGrants.TryGetValue(file, out var given) ? given.End : 0;
}
