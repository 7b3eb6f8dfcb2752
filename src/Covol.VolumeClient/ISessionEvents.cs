using Covol.Protocol.Ids;
using Covol.Protocol.Volume;

namespace Covol.VolumeClient;

/// <summary>What a session's keeper tells the owner of the session's state, and asks of it.</summary>
internal interface ISessionEvents
{
    /// <summary>On the connection's reading thread; never blocks.</summary>
    void Noticed(VolumeNotice notice);

    /// <summary>
    /// A coordinator of a new epoch is about to be asked to give back what the session had. From now on no grant of an older epoch may be
    /// published. The result is what to reclaim; parts of one handle follow each other.
    /// </summary>
    IReadOnlyList<ReclaimHandle> BeginReclaim(Epoch epoch);

    /// <summary>The coordinator refused a handle, or only its layout and locks where the second try goes without them.</summary>
    void ReclaimRefused(FileId file, HandleId handle, bool layoutOnly);

    /// <summary>
    /// Ends when no direct I/O is in flight except inside the layouts named: until then nobody may hear that this node holds no others
    /// (I3, I4).
    /// </summary>
    Task OldIoEndedAsync(IReadOnlySet<LayoutGeneration> reclaimed);

    /// <summary>The session is over: its handles and layouts are gone.</summary>
    void SessionEnded(string reason);

    /// <summary>This node's data key is no longer good on the LUN; the session goes on.</summary>
    void Fenced(string reason);

    /// <summary>The coordinator confirmed that the incarnation with this key is alive.</summary>
    void LeaseRenewed(ReservationKey key);

    /// <summary>A session is about to be opened or resumed: no attributes and names that were kept may be shown any more.</summary>
    void ForgetAttributes();

    /// <summary>The lease had run out before it was renewed: nothing granted before may be relied on.</summary>
    void LeaseLapsed();
}
