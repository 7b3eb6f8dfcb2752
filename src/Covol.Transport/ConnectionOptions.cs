namespace Covol.Transport;

/// <summary>Limits and times of a connection. The defaults are DESIGN 6's.</summary>
public sealed record ConnectionOptions
{
    public static ConnectionOptions Default { get; } = new();

    /// <summary>
    /// Name of the volume that this side asks for or serves. A peer that names another one, or none, is refused: endpoints are told by
    /// the control plane, and a port or a socket may be another coordinator's by the time it is reached. Empty: any, for tests.
    /// </summary>
    public string Volume { get; init; } = "";

    /// <summary>From the first packet of a connect to the peer's hello; on the serving side from accept to the client's hello.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>After this long without a byte from the peer it is asked for one.</summary>
    public TimeSpan PingAfter { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// After this many such periods in a row the connection is dead. Periods are counted, not measured, so that a process that was
    /// stopped itself does not blame its peer.
    /// </summary>
    public int SilentPeriodsMax { get; init; } = 4;

    /// <summary>How long a last word (goodbye, answers before it) may take to leave.</summary>
    public TimeSpan CloseTimeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Calls in flight on one served connection. More end it.</summary>
    public int CallsMax { get; init; } = 512;

    /// <summary>
    /// Calls with redirected data in flight on one served connection: each takes a buffer of up to 1 MiB. A client waits for its
    /// turn before it sends one; calls without data (returns, renewals, unlocks) never wait behind them (SAFETY 22).
    /// </summary>
    public int DataCallsMax { get; init; } = 32;

    /// <summary>Notices that wait to be sent. A client that is slower loses its connection.</summary>
    public int NoticesMax { get; init; } = 1024;

    /// <summary>Connections that one listener serves at a time. More are refused.</summary>
    public int ConnectionsMax { get; init; } = 256;

    /// <summary>Null: the peer is for the same volume. Otherwise a sentence.</summary>
    internal string? WhyNotFor(string named) =>
        Volume.Length == 0 || named == Volume ? null
            : named.Length == 0 ? $"This is for volume '{Volume}'; the peer names none."
            : $"This is for volume '{Volume}'; the peer is for '{named}'.";
}
