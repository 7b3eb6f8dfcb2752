using Microsoft.Extensions.Logging;

namespace Covol.Daemon;

/// <summary>Event ids 1 to 9.</summary>
internal static partial class DaemonLog
{
    [LoggerMessage(1, LogLevel.Critical, "covold {Role} ends because of a failure that nothing handles")]
    public static partial void Died(ILogger log, string role, Exception failure);
}
