using Covol.Protocol.Ids;

namespace Covol.Protocol.Store;

/// <summary>
/// Who coordinates a volume. Each change is a transaction that compares the revision of the one before, so the chain of epochs
/// never forks. That alone keeps nobody from writing: the LUN does, and this record says which keys it must refuse (SAFETY 2).
/// </summary>
/// <param name="Volume">Which volume.</param>
/// <param name="Epoch">0 before the first coordinator, then one more with each claim.</param>
/// <param name="Owner">The node that claimed the epoch; null when it was released.</param>
/// <param name="Key">The coordinator key that this epoch names: registered on the LUN before the claim. 0 in epoch 0.</param>
/// <param name="KeysToFence">Keys named by lower epochs that are not known to be fenced yet.</param>
/// <param name="Answers">The coordinator has fenced, replayed and answers at its endpoints.</param>
/// <param name="Endpoints">Where it answers: <c>unix:PATH</c> for its own node, <c>tcp:ADDRESS:PORT</c> for all.</param>
/// <param name="HandOverTo">After a planned release: who shall claim next.</param>
/// <param name="Offline">After an administrator's order: nobody claims until one is ordered to.</param>
public sealed record OwnershipRecord(
    string Volume,
    Epoch Epoch,
    NodeId? Owner,
    ReservationKey Key,
    IReadOnlyList<ReservationKey> KeysToFence,
    bool Answers,
    IReadOnlyList<string> Endpoints,
    NodeId? HandOverTo,
    bool Offline)
{
    /// <summary>What a new volume begins with; <paramref name="first"/> is expected to claim it.</summary>
    public static OwnershipRecord Unowned(string volume, NodeId? first) =>
        new(volume, new Epoch(0), null, new ReservationKey(0), [], false, [], first, false);
}
