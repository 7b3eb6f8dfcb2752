using Covol.Protocol.Ids;
using Covol.Protocol.Units;

namespace Covol.Protocol.Layouts;

/// <summary>Recalls, who stands in their way, and files whose recalls come so often that they are served redirected.</summary>
public sealed partial class LayoutMachine
{
    private void Recall(Moment now, LayoutInput.Recall recall)
    {
        var pending = new PendingRecall(recall.File, recall.Scope, recall.Ticket, now + _times.RecallDeadline, now);
        _recalls.Add(pending);
        if (recall.Scope == RecallScope.Writes)
        {
            NoteConflict(now, recall.File, hadToRecall: Outstanding(pending).Any());
        }
    }

    private void NoteConflict(Moment now, FileId file, bool hadToRecall)
    {
        if (_hot.TryGetValue(file, out var heat))
        {
            if (now < heat.RedirectedUntil)
            {
                heat.RedirectedUntil = now + _times.HotFor;
                return;
            }

            if (now > heat.Since + _times.HotWindow)
            {
                heat.Since = now;
                heat.Conflicts = 0;
            }
        }

        if (!hadToRecall)
        {
            return;
        }

        if (heat is null)
        {
            if (_hot.Count >= HotFilesMax)
            {
                foreach (var cold in _hot.Where(entry => now > entry.Value.Since + _times.HotWindow).Select(entry => entry.Key).ToList())
                {
                    _hot.Remove(cold);
                }

                if (_hot.Count >= HotFilesMax)
                {
                    return;
                }
            }

            _hot.Add(file, heat = new Heat(now));
        }

        heat.Conflicts++;
        if (heat.Conflicts >= _times.HotConflicts)
        {
            heat.RedirectedUntil = now + _times.HotFor;
        }
    }

    /// <summary>Who stands in the way of a recall, and with which grant (null: it may hold one that is not known).</summary>
    private IEnumerable<(SessionId Session, Holder Holder, Grant? Grant)> Outstanding(PendingRecall recall)
    {
        if (_files.TryGetValue(recall.File, out var grants))
        {
            foreach (var grant in grants)
            {
                var holder = _sessions[grant.Session];
                var inScope = recall.Scope == RecallScope.All || grant.Access == LayoutAccess.ReadWrite;
                if (inScope && StandsInTheWay(holder, recall.Scope))
                {
                    yield return (grant.Session, holder, grant);
                }
            }
        }

        foreach (var (session, holder) in _sessions)
        {
            if (holder.MayHoldUnknown && StandsInTheWay(holder, recall.Scope))
            {
                yield return (session, holder, null);
            }
        }
    }

    private bool StandsInTheWay(Holder holder, RecallScope scope) =>
        holder.Fence != Fence.Done || (scope == RecallScope.All && _times.WaitsForLeases);
}
