using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace Covol.Fuse;

/// <summary>
/// Serves one FUSE mount: a ring and a thread that take requests from the descriptor, give them to the handler, and answer. The
/// descriptor stays its owner's: a holder that keeps a copy of it keeps the mount when this process dies.
/// </summary>
public sealed class FuseServer : IDisposable
{
    // One worker; what a second one would have to keep, and what it brought on two cores: docs/decisions/0004-raw-fuse-on-io-uring.md.
    private readonly FuseWorker _worker;

    private FuseServer(FuseWorker worker) => _worker = worker;

    /// <summary>
    /// Completes when the server has ended, answered everything and given back its memory. Fails when it broke.
    /// </summary>
    public Task<FuseServerEnd> Completion => _worker.Completion;

    /// <summary>
    /// Starts the server's thread.
    /// </summary>
    /// <param name="descriptor">An uncloned /dev/fuse descriptor of a mount. It must live until <see cref="Completion"/>.</param>
    /// <param name="handler">The file system.</param>
    /// <param name="options">Limits.</param>
    /// <param name="logger">Where state changes and failures go.</param>
    /// <param name="negotiated">
    /// Null for a new mount. Else what an earlier server of this descriptor negotiated: no INIT is awaited, and the kernel is
    /// asked
    /// to send again what that server took and did not answer. Only after that server's I/O is drained.
    /// </param>
    public static FuseServer Serve(
        SafeFileHandle descriptor,
        IFuseHandler handler,
        FuseOptions options,
        ILogger logger,
        FuseNegotiation? negotiated)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        ArgumentNullException.ThrowIfNull(handler);
        ArgumentNullException.ThrowIfNull(options);
        FuseWorker.CheckLimits(options);

        // Without O_NONBLOCK the ring would hand each fetch and each answer to a kernel worker thread.
        FuseDevice.MakeNonBlocking(descriptor);
        var worker = new FuseWorker(descriptor, handler, options, logger, negotiated);
        worker.Start();
        return new FuseServer(worker);
    }

    /// <summary>
    /// Takes no more requests, answers those it has, then ends as <see cref="FuseServerEnd.Stopped"/>. Requests wait in the
    /// kernel
    /// for a successor. Any thread.
    /// </summary>
    public void Stop() => _worker.Stop();

    /// <summary>Like <see cref="Stop"/>; it does not wait.</summary>
    public void Dispose() => Stop();
}
