using System.Collections.Concurrent;
using Covol.Fuse;

namespace Covol.Tests.Fuse;

/// <summary>A handler of functions; what is not set answers ENOSYS. What it was told is kept in the order it came.</summary>
internal sealed class ScriptedHandler : IFuseHandler
{
    internal Action<FuseRequest> OnRequest { get; init; } = request => request.ReplyError(FuseErrno.NotImplemented);

    internal Action<FuseRequest, int> OnIo { get; init; } = (request, result) => request.ReplyWrite(result);

    internal Action<FuseRequest> OnContinued { get; init; } = request => request.ReplyOk();

    internal Action OnDisconnected { get; init; } = () => { };

    internal ConcurrentQueue<string> Told { get; } = new();

    internal ConcurrentQueue<Exception> Failures { get; } = new();

    internal FuseNegotiation? Negotiation { get; private set; }

    public void Negotiated(FuseNegotiation negotiation) => Negotiation = negotiation;

    public void Handle(FuseRequest request) => OnRequest(request);

    public void IoCompleted(FuseRequest request, int result) => OnIo(request, result);

    public void Continued(FuseRequest request) => OnContinued(request);

    public void Interrupted(ulong unique) => Told.Enqueue($"interrupted {unique}");

    public void Forgotten(ulong node, ulong lookups) => Told.Enqueue($"forgotten {node} {lookups}");

    public void Disconnected()
    {
        Told.Enqueue("disconnected");
        OnDisconnected();
    }

    public void Failed(FuseOpcode opcode, ulong unique, Exception failure) => Failures.Enqueue(failure);
}
