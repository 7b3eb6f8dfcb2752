namespace Covol.Fuse;

/// <summary>
/// A file system. All calls come on the server's ring thread and must not block: what cannot be answered at once is handed to
/// another thread, which completes the same request later. Each request is answered exactly once.
/// </summary>
public interface IFuseHandler
{
    /// <summary>
    /// Once, before the first request: what to keep for a successor. Also called when a successor was given the values.
    /// </summary>
    void Negotiated(FuseNegotiation negotiation);

    /// <summary>
    /// A request other than those below. A request whose opcode is not known never gets here (ENOSYS). The object is reused after
    /// the answer: who keeps it longer answers somebody else's request.
    /// </summary>
    void Handle(FuseRequest request);

    /// <summary>
    /// All I/O that <see cref="FuseRequest.SubmitRead"/>, <see cref="FuseRequest.SubmitWrite"/> or
    /// <see cref="FuseRequest.SubmitFlush"/> started has ended; the request waits for its answer or for more I/O.
    /// </summary>
    /// <param name="request">The request.</param>
    /// <param name="result">Bytes moved in all segments together, always all that was asked; or the first negative errno.</param>
    void IoCompleted(FuseRequest request, int result);

    /// <summary>Another thread called <see cref="FuseRequest.ContinueOnRing"/>.</summary>
    void Continued(FuseRequest request);

    /// <summary>
    /// The caller of this request was hit by a signal. A request that waits may be answered with EINTR; it needs its answer
    /// in any
    /// case. The request may have been answered already.
    /// </summary>
    void Interrupted(ulong unique);

    /// <summary>The kernel gives back so many lookups of a node.</summary>
    void Forgotten(ulong node, ulong lookups);

    /// <summary>
    /// The connection ended (unmounted, aborted) or is about to (DESTROY). Called once. Requests in flight still need their
    /// answers,
    /// which go nowhere, so that their memory comes back: what waits for a lock or a peer is to be answered now.
    /// </summary>
    void Disconnected();

    /// <summary>
    /// A call above threw. The request gets EIO if it has no answer yet. A handler that holds a broken invariant for fatal ends
    /// the process here; this method itself throws nothing.
    /// </summary>
    void Failed(FuseOpcode opcode, ulong unique, Exception failure);
}
