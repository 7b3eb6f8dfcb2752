using Covol.Protocol.Ids;
using Covol.Transport;

namespace Covol.VolumeClient;

/// <summary>A session over one connection to one coordinator, ready for requests until it is retired.</summary>
internal sealed class SessionLink
{
    private readonly TaskCompletionSource<string> _retired = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public SessionLink(ClientSession session, Epoch epoch, ReservationKey dataKey, IVolumeConnection connection)
    {
        DataKey = dataKey;
        Session = session;
        Epoch = epoch;
        Connection = connection;
    }

    public ClientSession Session { get; }

    public Epoch Epoch { get; }

    /// <summary>The incarnation for which it was opened.</summary>
    public ReservationKey DataKey { get; }

    public IVolumeConnection Connection { get; }

    /// <summary>Ends with the reason when this link is of no use any more.</summary>
    public Task<string> Retired => _retired.Task;

    public void Retire(string reason) => _retired.TrySetResult(reason);
}
