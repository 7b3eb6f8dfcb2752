namespace Covol.Cluster.Store;

/// <summary>What a transaction does. The set is closed.</summary>
public abstract record StoreOperation
{
    private protected StoreOperation()
    {
    }
}

/// <summary>Writes a key; with a lease it goes when the lease ends.</summary>
public sealed record StorePut(string Key, string Value, StoreLease? Lease = null) : StoreOperation;

/// <summary>Deletes a key; one that does not exist is no error.</summary>
public sealed record StoreDelete(string Key) : StoreOperation;
