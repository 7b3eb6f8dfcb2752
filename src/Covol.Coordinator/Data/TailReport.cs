using Covol.Protocol.Ids;
using Covol.Protocol.Volume;

namespace Covol.Coordinator.Data;

/// <summary>What a session told of its tail, until it is stable. On the coordinator's thread.</summary>
internal sealed class TailReport(SessionId session, CommitLayout told)
{
    private readonly TaskCompletionSource _stable = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public SessionId Session => session;

    public CommitLayout Told => told;

    /// <summary>Ends when it is stable; fails as the answer is to say.</summary>
    public Task Stable => _stable.Task;

    public void Done() => _stable.SetResult();

    public void Failed(Exception failure) => _stable.SetException(failure);
}
