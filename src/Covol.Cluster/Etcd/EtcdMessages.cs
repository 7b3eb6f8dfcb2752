using System.Text;
using System.Text.Json.Serialization;
using Covol.Cluster.Store;
using Covol.Protocol.Store;

namespace Covol.Cluster.Etcd;

// etcd's v3 API through its JSON gateway (etcd 3.4, Documentation/dev-guide/api_grpc_gateway.md; field names from
// etcdserver/etcdserverpb/rpc.proto and mvcc/mvccpb/kv.proto). 64-bit numbers travel as strings, keys and values as base64,
// members with their default value are left out.

internal sealed record EtcdHeader(long Revision);

internal sealed record EtcdKeyValue(byte[]? Key, byte[]? Value, long ModRevision, long Lease)
{
    public StoreEntry ToEntry() => new(
        Text(Key), Text(Value), new StoreRevision(ModRevision), Lease == 0 ? null : new StoreLease(Lease));

    public static string Text(byte[]? bytes) => bytes is null ? "" : Encoding.UTF8.GetString(bytes);
}

/// <summary>What a failed call answers instead; also the `error` line of a stream.</summary>
internal sealed record EtcdFailure(string? Error, string? Message, int Code)
{
    public string Sentence => Message ?? Error ?? $"etcd error {Code}";
}

internal sealed record RangeRequest(byte[] Key, byte[]? RangeEnd, bool KeysOnly = false, long Limit = 0);

internal sealed record RangeResponse(EtcdHeader? Header, List<EtcdKeyValue>? Kvs, bool More);

internal sealed record PutRequest(byte[] Key, byte[] Value, long Lease);

internal sealed record DeleteRequest(byte[] Key);

/// <summary>One of its members is set.</summary>
internal sealed record RequestOp(PutRequest? RequestPut, DeleteRequest? RequestDeleteRange, RangeRequest? RequestRange);

internal sealed record Compare(string Target, string Result, byte[] Key, long ModRevision)
{
    public static Compare Unchanged(StoreCompare compare) =>
        new("MOD", "EQUAL", Encoding.UTF8.GetBytes(compare.Key), compare.Revision.Value);
}

internal sealed record TxnRequest(List<Compare> Compare, List<RequestOp> Success, List<RequestOp> Failure);

internal sealed record ResponseOp(RangeResponse? ResponseRange);

internal sealed record TxnResponse(EtcdHeader? Header, bool Succeeded, List<ResponseOp>? Responses);

internal sealed record LeaseGrantRequest([property: JsonPropertyName("TTL")] long Ttl, [property: JsonPropertyName("ID")] long Id);

internal sealed record LeaseGrantResponse(
    [property: JsonPropertyName("ID")] long Id, [property: JsonPropertyName("TTL")] long Ttl);

internal sealed record LeaseRequest([property: JsonPropertyName("ID")] long Id);

internal sealed record LeaseKeepAliveLine(LeaseGrantResponse? Result, EtcdFailure? Error);

internal sealed record Nothing;

internal sealed record WatchCreate(byte[] Key, byte[] RangeEnd, long StartRevision);

internal sealed record WatchRequest(WatchCreate CreateRequest);

internal sealed record EtcdEvent(string? Type, EtcdKeyValue? Kv)
{
    public StoreChange ToChange()
    {
        var entry = (Kv ?? throw new StoreRefusedException("etcd sent an event without a key.")).ToEntry();
        return new StoreChange(entry.Key, entry.Revision, Type == "DELETE" ? null : entry);
    }
}

internal sealed record WatchResponse(
    EtcdHeader? Header, bool Created, bool Canceled, long CompactRevision, string? CancelReason, List<EtcdEvent>? Events);

internal sealed record WatchLine(WatchResponse? Result, EtcdFailure? Error);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    NumberHandling = JsonNumberHandling.AllowReadingFromString | JsonNumberHandling.WriteAsString,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(EtcdFailure))]
[JsonSerializable(typeof(RangeRequest))]
[JsonSerializable(typeof(RangeResponse))]
[JsonSerializable(typeof(TxnRequest))]
[JsonSerializable(typeof(TxnResponse))]
[JsonSerializable(typeof(LeaseGrantRequest))]
[JsonSerializable(typeof(LeaseGrantResponse))]
[JsonSerializable(typeof(LeaseRequest))]
[JsonSerializable(typeof(LeaseKeepAliveLine))]
[JsonSerializable(typeof(Nothing))]
[JsonSerializable(typeof(WatchRequest))]
[JsonSerializable(typeof(WatchLine))]
internal sealed partial class EtcdJsonContext : JsonSerializerContext;
