using Covol.Protocol.Ids;
using Covol.Protocol.Volume;

namespace Covol.Coordinator.Data;

/// <summary>What a session told of its tail, until it is stable. On the coordinator's thread.</summary>
internal sealed class TailReport(RequestId id, CommitLayout told)
{
    private readonly TaskCompletionSource _stable = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Its answer is in the record that makes valid what it tells (I5).</summary>
    public RequestId Id => id;

    public SessionId Session => id.Session;

    public CommitLayout Told => told;

    /// <summary>Ends when it is stable; fails as the answer is to say.</summary>
    public Task Stable => _stable.Task;

    public void Done() => _stable.SetResult();

    public void Failed(Exception failure) => _stable.SetException(failure);
}
