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
    public async ValueTask<SentAnswer> SendAsync(
        VolumeRequest request, ReadOnlyMemory<byte> data, Memory<byte> answerData, Urgency urgency)
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
            if (session is not null && id != default)
            {
                Leave(session, id, answered);
                if (!answered && link is not null)
                {
                    SettleSoon(link);
                }
            }
        }
    }

    private static void Leave(ClientSession session, RequestId id, bool answered)
    {
        if (answered || session.IsOver)
        {
            session.Slots.Answered(id);
        }
        else
        {
            session.Slots.LeftInDoubt(id);
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
