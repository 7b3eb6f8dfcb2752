using Covol.Protocol;
using Covol.Protocol.Ids;
using Covol.Protocol.Volume;
using Covol.Protocol.Wire;
using Covol.Transport;

namespace Covol.VolumeClient;

internal sealed partial class SessionKeeper
{
    private static readonly HashSet<LayoutGeneration> s_nothing = [];

    /// <summary>Opens or resumes the session over a new connection, reclaims, and renews the lease. Null: refused.</summary>
    private async Task<SessionLink?> OpenAsync(
        CoordinatorRoute route, IVolumeConnection connection, CancellationToken overtaken)
    {
        if (_session is null)
        {
            // A new session has no layouts, and a coordinator may take the old one's for returned.
            await OldIoEndedAsync(s_nothing, connection, overtaken).ConfigureAwait(false);
        }

        // The coordinator takes it that nothing is kept: a recall may have been lost with the last connection.
        _attributeLease.End();
        _events.ForgetAttributes();
        var key = DataKey;
        var opening = new OpenSession(_settings.Node, _settings.MountId, key, _settings.SlotCount, _session?.Id)
        {
            TakesAttributeLeases = _settings.AttributesMax > 0,
        };
        var call = new VolumeCall(new RequestId(default, 0, 0), route.Epoch, opening, default);
        var answer = await CallWithinAsync(connection, call, overtaken).ConfigureAwait(false);
        if (answer.Reply is Refused refused)
        {
            _waitingFor = $"The coordinator does not take the session: {refused.Detail}";
            VolumeClientLog.SessionRefused(_log, _settings.Volume, refused.Error, refused.Detail);
            if (refused.Error == VolumeError.SessionUnknown && _session is not null)
            {
                EndSession(refused.Detail);
            }

            return null;
        }

        if (answer.Reply is not SessionOpened opened)
        {
            throw new ConnectionLostException($"The coordinator answered an OpenSession with {answer.Reply.GetType().Name}.");
        }

        var resumed = _session is not null;
        if (_session is null)
        {
            _session = new ClientSession(
                opened.Session, opened.SlotCount, opened.ReservedSlotCount, opened.BlockSize, opened.ClusterSize);
            _reclaimedAt = route.Epoch;
        }

        Invariant.Holds(_session.Id == opened.Session, "A resumed session came back under another number.");
        _leaseLength = opened.LayoutLease;
        _attributeLeaseLength = opened.AttributeLease;
        var link = new SessionLink(_session, route.Epoch, key, connection);
        if (resumed && (_reclaimedAt != route.Epoch))
        {
            await ReclaimAsync(link, opened.InGrace, overtaken).ConfigureAwait(false);
            _reclaimedAt = route.Epoch;
        }

        var isReady = false;
        BeginSettling(link);
        try
        {
            await SettledAsync().ConfigureAwait(false);
            await SettleAsync(link, overtaken).ConfigureAwait(false);
            isReady = await RenewOnceAsync(link, overtaken).ConfigureAwait(false);
        }
        finally
        {
            if (!isReady)
            {
                GiveUpSettling(link);
            }
        }

        return isReady ? link : null;
    }

    private async Task ReclaimAsync(SessionLink link, bool inGrace, CancellationToken overtaken)
    {
        // When only the last answer of an earlier try was lost, grace may be over by now, and the handles would be refused.
        if (_handlesReclaimed?.Epoch != link.Epoch)
        {
            _handlesReclaimed = (link.Epoch, await ReclaimHandlesAsync(link, overtaken).ConfigureAwait(false));
        }

        if (inGrace)
        {
            // "That is all I had" makes the coordinator give the other clusters away. While a write into them may still land, it
            // must rather think that this node did not reclaim in time, and fence its key.
            await OldIoEndedAsync(_handlesReclaimed.Value.Layouts, link.Connection, overtaken).ConfigureAwait(false);
            await CallOwnAsync(link, new ReclaimComplete(), overtaken).ConfigureAwait(false);
        }
    }

    /// <summary>Gives back each handle with its locks and its file's layout. Answers the layouts that were taken.</summary>
    private async Task<HashSet<LayoutGeneration>> ReclaimHandlesAsync(SessionLink link, CancellationToken overtaken)
    {
        var taken = new HashSet<LayoutGeneration>();
        HandleId? lost = null;
        foreach (var part in _events.BeginReclaim(link.Epoch).Where(part => part.Handle != lost))
        {
            var reply = await ReclaimPartAsync(link, part, overtaken).ConfigureAwait(false);
            if (part.Layout is { } layout)
            {
                if (reply is Refused)
                {
                    // The layout alone may be what was refused; the handle and its locks are asked for without it.
                    _events.ReclaimRefused(part.File, part.Handle, layoutOnly: true);
                    reply = await ReclaimPartAsync(link, part with { Layout = null }, overtaken).ConfigureAwait(false);
                }
                else
                {
                    taken.Add(layout.Generation);
                }
            }

            if (reply is Refused refused)
            {
                lost = part.Handle;
                VolumeClientLog.ReclaimRefused(_log, _settings.Volume, part.Handle.Value, refused.Detail);
                _events.ReclaimRefused(part.File, part.Handle, layoutOnly: false);
            }
        }

        return taken;
    }

    /// <summary>What cannot be sent is refused: one handle is lost, not the process.</summary>
    private async Task<VolumeReply> ReclaimPartAsync(SessionLink link, ReclaimHandle part, CancellationToken overtaken)
    {
        try
        {
            return await CallOwnAsync(link, part, overtaken).ConfigureAwait(false);
        }
        catch (WireFormatException failure)
        {
            return new Refused(VolumeError.ReclaimRefused, failure.Message);
        }
    }

    /// <summary>Waits for direct I/O outside the layouts named. Throws when the connection ends before, or a newer coordinator is told.</summary>
    private async Task OldIoEndedAsync(
        IReadOnlySet<LayoutGeneration> reclaimed, IVolumeConnection connection, CancellationToken overtaken)
    {
        var ended = _events.OldIoEndedAsync(reclaimed);
        if (ended.IsCompleted)
        {
            return;
        }

        _waitingFor = "I/O of this node's earlier session has not ended on the LUN.";
        VolumeClientLog.WaitsForOldIo(_log, _settings.Volume);
        await Task.WhenAny(ended, connection.Closed).WaitAsync(overtaken).ConfigureAwait(false);
        if (!ended.IsCompleted)
        {
            throw new ConnectionLostException("The connection ended while direct I/O was waited for.");
        }
    }

    /// <summary>
    /// Gives each request that was given up an end: sent again as a renewal, it either was carried out before, and is answered from memory,
    /// or never will be, because its sequence number is used up (I3).
    /// </summary>
    private async Task SettleAsync(SessionLink link, CancellationToken overtaken)
    {
        var left = new Queue<RequestId>(link.Session.Slots.TakeInDoubt());
        try
        {
            while (left.TryPeek(out var id))
            {
                var call = new VolumeCall(id, link.Epoch, new RenewLease(), default);
                var answer = await CallWithinAsync(link.Connection, call, overtaken).ConfigureAwait(false);
                if (answer.Reply is Refused { Error: VolumeError.InGrace or VolumeError.AskAgain })
                {
                    // That was the request's own answer, for who asks again: its sequence number is not used up yet.
                    await Task.Delay(s_graceAskAgain, _time, overtaken).ConfigureAwait(false);
                    continue;
                }

                left.Dequeue();
                link.Session.Slots.Answered(id);
            }
        }
        finally
        {
            foreach (var id in left)
            {
                link.Session.Slots.LeftInDoubt(id);
            }
        }
    }

    private async Task RenewAsync(SessionLink link, CancellationToken cancellation)
    {
        try
        {
            while (true)
            {
                await Task.Delay(RenewEvery, _time, cancellation).ConfigureAwait(false);
                if (!await RenewOnceAsync(link, cancellation).ConfigureAwait(false))
                {
                    link.Retire("The coordinator does not renew the lease.");
                    return;
                }
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The link is over.
        }
        catch (ConnectionLostException lost)
        {
            link.Retire(lost.Message);
        }
    }

    /// <summary>So often that one renewal may be late.</summary>
    private TimeSpan RenewEvery =>
        _attributeLeaseLength > TimeSpan.Zero && _attributeLeaseLength / 3 < _settings.RenewEvery
            ? _attributeLeaseLength / 3
            : _settings.RenewEvery;

    private async Task<bool> RenewOnceAsync(SessionLink link, CancellationToken cancellation)
    {
        var sent = _clock.Now;
        if (!_lease.IsRunning)
        {
            _events.LeaseLapsed();
        }

        var reply = await CallOwnAsync(link, new RenewLease(), cancellation).ConfigureAwait(false);
        if (reply is Done)
        {
            if (_lease.Renewed(sent, _leaseLength))
            {
                // It ran out while this was on its way: what was granted before is never used again, and has to be asked for.
                _events.LeaseLapsed();
            }

            if (_attributeLeaseLength > TimeSpan.Zero)
            {
                if (_attributeLease.Renewed(sent, _attributeLeaseLength))
                {
                    // It had run out: what the kernel was told then may have been recalled from nobody.
                    _events.ForgetAttributes();
                }
            }

            _events.LeaseRenewed(link.DataKey);
            return true;
        }

        if (reply is Refused refused)
        {
            _waitingFor = $"The coordinator does not renew the lease: {refused.Detail}";
            if (refused.Error == VolumeError.SessionUnknown)
            {
                EndSession(refused.Detail);
            }

            if (refused.Error == VolumeError.Stale)
            {
                // The key was fenced: layouts end, the session with its locks and handles goes on redirected (SAFETY 1).
                _lease.End();
                _events.Fenced(refused.Detail);
                return true;
            }

            // In grace a renewal may be refused; direct I/O goes on until the lease ends, and redirected I/O waits for itself.
            return refused.Error == VolumeError.InGrace;
        }

        throw new ConnectionLostException($"The coordinator answered a RenewLease with {reply.GetType().Name}.");
    }

    /// <summary>
    /// One try over this link, in the keeper's own slot: it never waits for slots that wait for a link. One at a time.
    /// </summary>
    private async Task<VolumeReply> CallOwnAsync(SessionLink link, VolumeRequest request, CancellationToken cancellation)
    {
        var slots = link.Session.Slots;
        if (slots.OwnInDoubt is { } left)
        {
            var settling = new VolumeCall(left, link.Epoch, new RenewLease(), default);
            await CallWithinAsync(link.Connection, settling, cancellation).ConfigureAwait(false);
            slots.OwnAnswered();
        }

        var call = new VolumeCall(slots.NextOwn(), link.Epoch, request, default);
        var answer = await CallWithinAsync(link.Connection, call, cancellation).ConfigureAwait(false);
        slots.OwnAnswered();
        return answer.Reply;
    }

    /// <summary>A coordinator that takes longer than the I/O limit for a session's own business counts as lost.</summary>
    private async Task<VolumeAnswer> CallWithinAsync(
        IVolumeConnection connection, VolumeCall call, CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(_settings.IoWaitLimit, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        try
        {
            return await connection.CallAsync(call, default, either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new ConnectionLostException($"The coordinator did not answer within {_settings.IoWaitLimit.TotalSeconds:0} s.");
        }
    }

    private void EndSession(string reason)
    {
        _lease.End();
        _session?.End();
        _session = null;
        VolumeClientLog.SessionEnded(_log, _settings.Volume, reason);
        _events.SessionEnded(reason);
    }
}
