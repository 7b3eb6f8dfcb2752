using System.Text;
using Covol.Cluster.Store;
using Covol.Protocol;
using Covol.Protocol.Store;
using Microsoft.Extensions.Logging;

namespace Covol.Cluster.Etcd;

/// <summary>The cluster store in etcd 3.4 or later, through its JSON gateway (see docs/decisions/0007). Any thread.</summary>
public sealed class EtcdStore : IClusterStore
{
    private readonly EtcdOptions _options;
    private readonly EtcdGateway _gateway;
    private readonly ILogger<EtcdStore> _log;
    private readonly TimeProvider _time;

    public EtcdStore(EtcdOptions options, TimeProvider time, ILogger<EtcdStore> log)
    {
        _options = options;
        _time = time;
        _log = log;
        _gateway = new EtcdGateway(options);
    }

    public async Task<StoreEntry?> GetAsync(string key, CancellationToken cancellation)
    {
        var answer = await RangeAsync(new RangeRequest(Bytes(key), null), cancellation).ConfigureAwait(false);
        return answer.Entries.Count == 0 ? null : answer.Entries[0];
    }

    public Task<StoreRange> GetRangeAsync(string prefix, CancellationToken cancellation) =>
        RangeAsync(new RangeRequest(Bytes(prefix), PrefixEnd(prefix)), cancellation);

    public async Task<StoreTransactionResult> CommitAsync(StoreTransaction transaction, CancellationToken cancellation)
    {
        Invariant.Holds(
            transaction.If.Count <= StoreTransaction.OperationsMax && transaction.Then.Count <= StoreTransaction.OperationsMax,
            "A transaction has more operations than etcd takes.");
        var request = new TxnRequest(
            [.. transaction.If.Select(Compare.Unchanged)],
            [.. transaction.Then.Select(ToRequest)],
            [.. transaction.If.Select(compare => new RequestOp(null, null, new RangeRequest(Bytes(compare.Key), null)))]);

        var json = EtcdJsonContext.Default;
        var answer = await _gateway.CallAsync("v3/kv/txn", request, json.TxnRequest, json.TxnResponse, cancellation)
            .ConfigureAwait(false);
        var current = answer.Succeeded
            ? []
            : (answer.Responses ?? []).SelectMany(op => op.ResponseRange?.Kvs ?? []).Select(kv => kv.ToEntry());
        return new StoreTransactionResult(answer.Succeeded, RevisionOf(answer.Header), [.. current]);
    }

    public async Task<StoreLease> GrantLeaseAsync(TimeSpan length, CancellationToken cancellation)
    {
        var json = EtcdJsonContext.Default;
        var request = new LeaseGrantRequest((long)Math.Ceiling(length.TotalSeconds), 0);
        var answer = await _gateway
            .CallAsync("v3/lease/grant", request, json.LeaseGrantRequest, json.LeaseGrantResponse, cancellation)
            .ConfigureAwait(false);
        return new StoreLease(answer.Id);
    }

    public async Task<bool> KeepLeaseAsync(StoreLease lease, CancellationToken cancellation)
    {
        // The gateway's keepalive is a stream of one request and one answer; an ended lease is answered without a TTL.
        var json = EtcdJsonContext.Default;
        var answer = await _gateway
            .CallAsync("v3/lease/keepalive", new LeaseRequest(lease.Id), json.LeaseRequest, json.LeaseKeepAliveLine, cancellation)
            .ConfigureAwait(false);
        return answer.Result is { } kept
            ? kept.Ttl > 0
            : throw new StoreUnavailableException($"etcd did not renew {lease}: {answer.Error?.Sentence ?? "it sent no answer"}.");
    }

    public async Task RevokeLeaseAsync(StoreLease lease, CancellationToken cancellation)
    {
        var json = EtcdJsonContext.Default;
        try
        {
            await _gateway.CallAsync("v3/lease/revoke", new LeaseRequest(lease.Id), json.LeaseRequest, json.Nothing, cancellation)
                .ConfigureAwait(false);
        }
        catch (StoreRefusedException refused) when (refused.Message.Contains("lease not found", StringComparison.Ordinal))
        {
            // It ended by itself, which is what the caller wants.
        }
    }

    public IAsyncEnumerable<StoreUpdate> WatchAsync(string prefix, CancellationToken cancellation) =>
        new EtcdWatch(this, _gateway, _options, _time, _log, prefix).RunAsync(cancellation);

    public ValueTask DisposeAsync()
    {
        _gateway.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>etcd's key range of all keys with a prefix ends at the prefix with its last byte raised by one.</summary>
    internal static byte[] PrefixEnd(string prefix)
    {
        var end = Bytes(prefix);
        Invariant.Holds(end.Length > 0 && end[^1] < byte.MaxValue, "A prefix of keys is empty or not text.");
        end[^1]++;
        return end;
    }

    internal static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    internal static StoreRevision RevisionOf(EtcdHeader? header) => new(header?.Revision
        ?? throw new StoreRefusedException("etcd sent an answer without its header."));

    private async Task<StoreRange> RangeAsync(RangeRequest request, CancellationToken cancellation)
    {
        var json = EtcdJsonContext.Default;
        var answer = await _gateway.CallAsync("v3/kv/range", request, json.RangeRequest, json.RangeResponse, cancellation)
            .ConfigureAwait(false);
        return new StoreRange(RevisionOf(answer.Header), [.. (answer.Kvs ?? []).Select(kv => kv.ToEntry())]);
    }

    private static RequestOp ToRequest(StoreOperation operation) => operation switch
    {
        StorePut put => new RequestOp(new PutRequest(Bytes(put.Key), Bytes(put.Value), put.Lease?.Id ?? 0), null, null),
        StoreDelete delete => new RequestOp(null, new DeleteRequest(Bytes(delete.Key)), null),
        _ => throw new InvalidOperationException($"{operation.GetType().Name} is not an operation of the store."),
    };
}
