using Covol.Protocol.Ids;
using Covol.Protocol.Units;

namespace Covol.Protocol.Layouts;

/// <summary>Who may hold layouts at all: sessions, their leases, and the fence that takes a key.</summary>
public sealed partial class LayoutMachine
{
    private void Join(Moment now, LayoutInput.SessionJoined joined)
    {
        if (_sessions.TryGetValue(joined.Session, out var holder))
        {
            if (holder.DataKey == joined.DataKey)
            {
                return;
            }

            // Only a drained key may be followed by another: the driver asks with IsFenced first.
            Invariant.Holds(holder.Fence == Fence.Done, $"{joined.Session} took a new data key while its old one could still write.");

            // Reads of the old life may run until its lease ends, so what it held stays until then.
            holder.DataKey = joined.DataKey;
            holder.Rejoined = true;
            return;
        }

        _sessions.Add(joined.Session, new Holder(joined.DataKey, now + _times.Lease) { MayHoldUnknown = joined.MayHoldUnknown });
    }

    /// <summary>Whether the session's present key is fenced: it must come back with another one.</summary>
    public bool IsFenced(SessionId session) => _sessions.TryGetValue(session, out var holder) && holder.Fence == Fence.Done;

    /// <summary>Whether a session that was evicted may still read under its lease; <see cref="LayoutEffect.LeaseEnded"/> says when no more.</summary>
    public bool MayRead(SessionId session) => _sessions.ContainsKey(session);

    private bool TryRenew(Moment now, SessionId session)
    {
        if (!_sessions.TryGetValue(session, out var holder) || holder.Fence != Fence.None)
        {
            return false;
        }

        holder.LeaseEnds = now + _times.Lease;
        return true;
    }

    private void Evict(Moment now, SessionId session, List<LayoutEffect> effects)
    {
        if (!_sessions.TryGetValue(session, out var holder))
        {
            effects.Add(new LayoutEffect.SessionFenced(session, Evicted: true));
            return;
        }

        holder.Evicted = true;
        if (holder.Rejoined)
        {
            // It has another key since its fence, under which it got nothing yet; that goes too.
            holder.Rejoined = false;
            holder.Fence = Fence.None;
        }

        if (holder.Fence == Fence.Done)
        {
            effects.Add(new LayoutEffect.SessionFenced(session, Evicted: true));
        }
        else
        {
            StartFence(session, holder, "its node was evicted", effects);
        }

        Expire(now, effects);
    }

    private void FenceSession(LayoutInput.FenceSession fence, List<LayoutEffect> effects)
    {
        if (!_sessions.TryGetValue(fence.Session, out var holder) || holder.Fence == Fence.Done)
        {
            effects.Add(new LayoutEffect.SessionFenced(fence.Session, Evicted: false));
            return;
        }

        StartFence(fence.Session, holder, fence.Reason, effects);
    }

    private void FenceCompleted(LayoutInput.FenceCompleted fenced, List<LayoutEffect> effects)
    {
        if (Fencing(fenced.Session, fenced.DataKey) is not { } holder)
        {
            return;
        }

        holder.Fence = Fence.Done;
        holder.FenceRetryAt = null;
        effects.Add(new LayoutEffect.SessionFenced(fenced.Session, holder.Evicted));
    }

    /// <summary>It ended by itself. Whoever waits for a fence of it waits for nothing any more: its I/O has ended before.</summary>
    private void Close(SessionId session, List<LayoutEffect> effects)
    {
        Drop(session);
        if (_sessions.Remove(session, out var holder) && holder.Fence == Fence.Running)
        {
            effects.Add(new LayoutEffect.SessionFenced(session, holder.Evicted));
        }
    }

    private Holder? Fencing(SessionId session, ReservationKey key) =>
        _sessions.TryGetValue(session, out var holder) && holder.DataKey == key && holder.Fence == Fence.Running ? holder : null;

    private static void StartFence(SessionId session, Holder holder, string reason, List<LayoutEffect> effects)
    {
        if (holder.Fence == Fence.None)
        {
            holder.Fence = Fence.Running;
            holder.FenceReason = reason;
            effects.Add(new LayoutEffect.StartFence(session, holder.DataKey, reason));
        }
    }

    private void Expire(Moment now, List<LayoutEffect> effects)
    {
        List<SessionId>? gone = null;
        foreach (var (session, holder) in _sessions)
        {
            if (holder.FenceRetryAt is { } retryAt && now >= retryAt)
            {
                holder.FenceRetryAt = null;
                effects.Add(new LayoutEffect.StartFence(session, holder.DataKey, holder.FenceReason));
            }

            if (holder.Fence == Fence.Done && now >= holder.LeaseEnds)
            {
                (gone ??= []).Add(session);
            }
        }

        foreach (var session in gone ?? [])
        {
            var holder = _sessions[session];
            Drop(session);
            if (holder.Evicted)
            {
                _sessions.Remove(session);
                effects.Add(new LayoutEffect.LeaseEnded(session));
            }
            else if (holder.Rejoined)
            {
                _sessions[session] = new Holder(holder.DataKey, now + _times.Lease);
            }
        }
    }
}
