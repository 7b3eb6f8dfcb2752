namespace Covol.Protocol.Ids;

/// <summary>
/// Names one request for exactly-once execution: a slot of a session holds at most one request at a time, and each new request
/// in it takes the next sequence number. The coordinator keeps the answer to a slot's last sequence number (SAFETY 16, 20).
/// </summary>
public readonly record struct RequestId(SessionId Session, int Slot, long Sequence)
{
    public override string ToString() => $"{Session} slot {Slot} sequence {Sequence}";
}
