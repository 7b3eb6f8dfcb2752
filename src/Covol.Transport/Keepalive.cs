namespace Covol.Transport;

/// <summary>
/// Notices that a peer has gone silent: each period without a byte from it sends a ping, and too many in a row end the
/// connection. Any thread.
/// </summary>
internal sealed class Keepalive : IDisposable
{
    private readonly int _periodsMax;
    private readonly Action _ping;
    private readonly Action<string> _dead;
    private readonly ITimer _timer;
    private int _silentPeriods;

    public Keepalive(ConnectionOptions options, TimeProvider time, Action ping, Action<string> dead)
    {
        _periodsMax = options.SilentPeriodsMax;
        _ping = ping;
        _dead = dead;
        _timer = time.CreateTimer(_ => PeriodEnded(), null, options.PingAfter, options.PingAfter);
    }

    public void Received() => Volatile.Write(ref _silentPeriods, 0);

    public void Dispose() => _timer.Dispose();

    private void PeriodEnded()
    {
        var silent = Interlocked.Increment(ref _silentPeriods);
        if (silent > _periodsMax)
        {
            _dead($"Nothing came from the peer for {_periodsMax} ping periods.");
        }
        else
        {
            _ping();
        }
    }
}
