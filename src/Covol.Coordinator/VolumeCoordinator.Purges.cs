using Covol.Coordinator.Driver;
using Covol.Coordinator.Metadata;
using Covol.Ntfs;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Volume;

namespace Covol.Coordinator;

/// <summary>Files that lost their last name are freed after the last close on any node.</summary>
public sealed partial class VolumeCoordinator
{
    /// <summary>Files that one operation frees: it keeps the metadata thread for a few milliseconds.</summary>
    private const int PurgesOfOneStep = 128;

    /// <summary>An operation that filled so much of the journal's ring frees no further file: one large file takes hundreds of pages.</summary>
    private const double PurgeStepEndsAt = 1.0 / 64;

    /// <summary>Orphans of an earlier coordinator that one operation looks at: it keeps the metadata thread for a few milliseconds.</summary>
    private const int OrphansLookedAt = 128;

    /// <summary>While so many wait to be freed, no others of an earlier coordinator are looked at.</summary>
    private const int UnusedMax = 1_024;

    private readonly HashSet<FileId> _orphans = [];

    /// <summary>
    /// Orphans of an earlier coordinator that were not looked at yet: there may be very many, and nobody waits for them. One that somebody has
    /// open is looked at when that is reclaimed.
    /// </summary>
    private readonly HashSet<FileReference> _orphansLeft = [];
    private TaskCompletionSource? _fewUnused;
    private readonly HashSet<FileId> _purging = [];

    /// <summary>
    /// Nobody is inside of these, and nobody gets in: ready to be freed, in the order in which they became so. One with more than one step
    /// goes to the end after each, so that small ones do not wait for a large one.
    /// </summary>
    private readonly Queue<(FileId File, TaskCompletionSource Freed)> _unused = new();
    private bool _isFreeing;

    private void PurgeUnused()
    {
        foreach (var orphan in _orphans.ToList())
        {
            PurgeIfUnused(orphan);
        }

        if (_orphansLeft.Count > 0)
        {
            Background(PurgeLeftAsync);
        }
    }

    private async Task PurgeLeftAsync()
    {
        foreach (var some in _orphansLeft.ToArray().Chunk(OrphansLookedAt))
        {
            foreach (var orphan in await FindLeftAsync(some))
            {
                PurgeIfUnused(orphan);
            }

            while (_purging.Count >= UnusedMax)
            {
                _fewUnused = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                await _fewUnused.Task;
            }
        }
    }

    /// <summary>Who reclaims one sees that it has no name; it is freed at its last close.</summary>
    private Task ReclaimLeftAsync(FileId file) =>
        _orphansLeft.Contains(file.Reference) ? FindLeftAsync([file.Reference]) : Task.CompletedTask;

    private async Task<List<FileId>> FindLeftAsync(FileReference[] left)
    {
        var found = await _metadata.ReadAsync(context => left.Select(((INtfsOrphans)context.Volume).OrphanOf)
            .Where(orphan => orphan is not null).Select(orphan => context.Orphaned(orphan)!.Value).ToList());
        _orphansLeft.ExceptWith(left);
        _orphans.UnionWith(found);
        return found;
    }

    private void PurgeIfUnused(FileId file)
    {
        if (!InGrace && _orphans.Contains(file) && !(_opens.ContainsKey(file) && _options.CountsOpens) && _purging.Add(file))
        {
            Background(() => PurgeAsync(file));
        }
    }

    private async Task PurgeAsync(FileId file)
    {
        using var gate = await _gates.EnterAsync(file, GateMode.Exclusive);
        await EndTailAsync(file, null);
        await RecallAsync(file, RecallScope.All);
        _maps.Remove(file);
        _times.Remove(file);
        ForgetLoss(file, isGone: true);
        var freed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _unused.Enqueue((file, freed));
        if (!_isFreeing)
        {
            _isFreeing = true;
            Background(FreeUnusedAsync);
        }

        try
        {
            await freed.Task;
            _orphans.Remove(file);
            _nameless.Remove(file);
        }
        catch (VolumeException refusal)
        {
            // It stays in the orphan folder; the next coordinator tries again.
            CoordinatorLog.PurgeRefused(_log, _parts.VolumeName, file, refusal.Message);
        }
        finally
        {
            _purging.Remove(file);
            if (_purging.Count < UnusedMax)
            {
                _fewUnused?.TrySetResult();
            }
        }
    }

    /// <summary>
    /// A step at a time, so that a hundred deletions of large files at once are no reason for everyone else's operations to wait; but many
    /// small files in one step, or they would be freed more slowly than they are deleted.
    /// </summary>
    private async Task FreeUnusedAsync()
    {
        while (_unused.Count > 0)
        {
            FileId[] files = [.. _unused.Take(PurgesOfOneStep).Select(unused => unused.File)];
            foreach (var outcome in await _metadata.ChangeAsync(context => PurgeStep(context, files)))
            {
                var unused = _unused.Dequeue();
                if (outcome.Refusal is { } refusal)
                {
                    unused.Freed.SetException(refusal);
                }
                else if (outcome.IsGone)
                {
                    unused.Freed.SetResult();
                }
                else
                {
                    _unused.Enqueue(unused);
                }
            }
        }

        _isFreeing = false;
    }

    /// <summary>Of as many of the files as a step takes, in their order; one at least.</summary>
    private static List<(bool IsGone, VolumeException? Refusal)> PurgeStep(MetadataContext context, FileId[] files)
    {
        var outcomes = new List<(bool, VolumeException?)>();
        var before = context.Volume.JournalUse;
        foreach (var file in files)
        {
            if (outcomes.Count > 0)
            {
                if (context.Volume.JournalUse - before > PurgeStepEndsAt)
                {
                    break;
                }

                context.MakeRoom();
            }

            try
            {
                var isGone = context.Volume.PurgeOrphanStep(file);
                if (isGone)
                {
                    context.Purged(file);
                }

                outcomes.Add((isGone, null));
            }
            catch (VolumeException refusal)
            {
                outcomes.Add((false, refusal));
            }
        }

        return outcomes;
    }
}
