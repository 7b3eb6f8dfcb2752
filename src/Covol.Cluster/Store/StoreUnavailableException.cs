namespace Covol.Cluster.Store;

/// <summary>
/// The cluster store did not answer within the deadline: no quorum, or no way to it. Whether a transaction was carried out is not
/// known. Nothing that runs may stop because of this; try again later.
/// </summary>
public sealed class StoreUnavailableException : IOException
{
    public StoreUnavailableException()
        : base("The cluster store does not answer.")
    {
    }

    public StoreUnavailableException(string message)
        : base(message)
    {
    }

    public StoreUnavailableException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
