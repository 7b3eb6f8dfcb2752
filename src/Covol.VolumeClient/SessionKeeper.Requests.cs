using Covol.Protocol.Ids;
using Covol.Protocol.Volume;
using Covol.Transport;

namespace Covol.VolumeClient;

internal sealed partial class SessionKeeper
{
    /// <summary>
    /// Sends a request and waits for its answer, exactly once: over a new connection and to a new coordinator it goes under the
    /// same id. A refusal is an answer. Throws <see cref="VolumeException"/> with IoFailed after the wait limit, where the urgency has
    /// one, and with NoSuchHandle when the session ended while it waited.
    /// </summary>
    /// <param name="request">What is asked.</param>
    /// <param name="data">What follows it.</param>
    /// <param name="answerData">Where data of the answer goes.</param>
    /// <param name="urgency">Which slots, and how long.</param>
    /// <param name="over">Called once where it gets no answer: when it is known that it was carried out or never will be.</param>
    /// <param name="handle">
    /// Through which it was asked: sent in the session that this was opened in, and in no later one. What waited for a link while its node was
    /// evicted would land over what others wrote since, under locks that this handle lost.
    /// </param>
    public async ValueTask<SentAnswer> SendAsync(
        VolumeRequest request,
        ReadOnlyMemory<byte> data,
        Memory<byte> answerData,
        Urgency urgency,
        Action? over = null,
        OpenFile? handle = null)
    {
        // What gives something back waits as long as it takes: given up, it would be held at the coordinator for ever.
        using var limit = new CancellationTokenSource(
            urgency is Urgency.Return or Urgency.Layout ? Timeout.InfiniteTimeSpan : _settings.IoWaitLimit, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, _stop.Token);
        SessionLink? link = null;
        ClientSession? session = null;
        RequestId id = default;
        var answered = false;
        try
        {
            link = await LinkAsync(urgency == Urgency.Layout, either.Token).ConfigureAwait(false);
            if (handle is { IsDead: true } && _settings.BindsHandles)
            {
                // A link of a new session is there only after the handles of the one before have died.
                throw new VolumeException(VolumeError.NoSuchHandle, "The session in which the file was opened ended before the request was sent.");
            }

            session = link.Session;
            id = await session.Slots.TakeAsync(urgency is Urgency.Reserved or Urgency.Return or Urgency.Layout, either.Token)
                .ConfigureAwait(false);
            if (urgency == Urgency.Lock)
            {
                // From here on its outcome has to be known.
                limit.CancelAfter(Timeout.InfiniteTimeSpan);
                either.Token.ThrowIfCancellationRequested();
            }

            while (true)
            {
                var call = new VolumeCall(id, link.Epoch, request, data);
                if (await TryCallAsync(link, call, answerData, either.Token).ConfigureAwait(false) is { } answer)
                {
                    if (answer.Reply is Refused { Error: VolumeError.AskAgain })
                    {
                        // It came on meanwhile; who is at work is not given up.
                        limit.CancelAfter(urgency is Urgency.Return or Urgency.Layout ? Timeout.InfiniteTimeSpan : _settings.IoWaitLimit);
                        await Task.Delay(s_graceAskAgain, _time, either.Token).ConfigureAwait(false);
                        continue;
                    }

                    answered = true;
                    return new SentAnswer(answer.Reply, answer.Data.Length, link);
                }

                link = await LinkAsync(urgency == Urgency.Layout, either.Token).ConfigureAwait(false);
                if (link.Session != session)
                {
                    throw new VolumeException(VolumeError.NoSuchHandle, "The session ended before the request was answered.");
                }
            }
        }
        catch (OperationCanceledException) when (either.IsCancellationRequested)
        {
            throw new VolumeException(
                VolumeError.IoFailed,
                _stop.IsCancellationRequested
                    ? "The volume is being given up on this node."
                    : $"No answer within the wait limit of {_settings.IoWaitLimit.TotalSeconds:0} s. {_waitingFor}");
        }
        finally
        {
            if (session is null || id == default)
            {
                over?.Invoke();
            }
            else
            {
                Leave(session, id, answered, over);
                if (!answered && link is not null)
                {
                    SettleSoon(link);
                }
            }
        }
    }

    private static void Leave(ClientSession session, RequestId id, bool answered, Action? over)
    {
        if (answered || session.IsOver)
        {
            if (!answered)
            {
                over?.Invoke();
            }

            session.Slots.Answered(id);
            return;
        }

        session.Slots.LeftInDoubt(id, over);
        if (session.IsOver)
        {
            session.Slots.AllOver();
        }
    }

    /// <summary>Null: not answered, or put off; send it again over the next link.</summary>
    private async ValueTask<VolumeAnswer?> TryCallAsync(
        SessionLink link, VolumeCall call, Memory<byte> answerData, CancellationToken cancellation)
    {
        VolumeAnswer answer;
        try
        {
            answer = await link.Connection.CallAsync(call, answerData, cancellation).ConfigureAwait(false);
        }
        catch (ConnectionLostException lost)
        {
            link.Retire(lost.Message);
            return null;
        }

        switch ((answer.Reply as Refused)?.Error)
        {
            case VolumeError.WrongEpoch or VolumeError.NotServing or VolumeError.SessionUnknown:
                link.Retire(((Refused)answer.Reply).Detail);
                return null;
            case VolumeError.InGrace:
                await Task.Delay(s_graceAskAgain, _time, cancellation).ConfigureAwait(false);
                return null;
            default:
                return answer;
        }
    }
}
