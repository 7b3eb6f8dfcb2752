namespace Covol.Transport.Control;

/// <summary>What carries out control requests. Called from connection threads, several at once.</summary>
public interface IControlService
{
    /// <summary>
    /// Refuses by an answer. What it throws is logged and answered as an error; an
    /// <see cref="Protocol.InvariantBrokenException"/> faults the server.
    /// </summary>
    ValueTask<ControlAnswer> AskAsync(ControlRequest request, CancellationToken cancellation);
}
