using Microsoft.Extensions.Logging;

namespace Covol.Lun;

/// <summary>What operators hear of LUNs. Event ids 2000 to 2099.</summary>
internal static partial class LunLog
{
    [LoggerMessage(
        2001,
        LogLevel.Warning,
        "Process {Process} is ended: its key {Key:x16} on LUN {Lun} was preempted, "
        + "and {InFlight} I/Os of it were not over after {DrainLimitMs} ms")]
    public static partial void EndsHolder(ILogger logger, int process, string lun, ulong key, long inFlight, long drainLimitMs);
}
