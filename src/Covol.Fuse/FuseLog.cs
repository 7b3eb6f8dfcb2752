using Microsoft.Extensions.Logging;

namespace Covol.Fuse;

internal static partial class FuseLog
{
    [LoggerMessage(3001, LogLevel.Information, "FUSE server {Server} speaks protocol 7.{Minor} with flags {Flags}")]
    internal static partial void Negotiated(ILogger logger, string server, int minor, string flags);

    [LoggerMessage(3002, LogLevel.Information,
        "FUSE server {Server} takes over a mount and asks the kernel to send again what was in flight")]
    internal static partial void TakenOver(ILogger logger, string server);

    [LoggerMessage(3003, LogLevel.Information, "FUSE server {Server} ended: {End}")]
    internal static partial void Ended(ILogger logger, string server, FuseServerEnd end);

    [LoggerMessage(3004, LogLevel.Error,
        "{Opcode} {Unique} failed unexpectedly in FUSE server {Server} and is answered with EIO")]
    internal static partial void HandlerFailed(ILogger logger, Exception failure, string server, FuseOpcode opcode, ulong unique);

    [LoggerMessage(3005, LogLevel.Warning, "FUSE server {Server} got a request it cannot read: {Problem}")]
    internal static partial void Malformed(ILogger logger, string server, string problem);

    [LoggerMessage(3006, LogLevel.Warning,
        "The kernel refused the answer to {Opcode} {Unique} of FUSE server {Server} with errno {Errno}")]
    internal static partial void AnswerRefused(ILogger logger, string server, FuseOpcode opcode, ulong unique, int errno);

    [LoggerMessage(3007, LogLevel.Critical, "FUSE server {Server} cannot go on; its mount waits for a successor")]
    internal static partial void Broken(ILogger logger, Exception failure, string server);

    [LoggerMessage(3008, LogLevel.Error,
        "The kernel offers no {Missing} (it offers {Offered}); FUSE server {Server} refuses the mount")]
    internal static partial void Refused(ILogger logger, string server, string missing, string offered);

    [LoggerMessage(3009, LogLevel.Information,
        "FUSE server {Server} works without registered memory; raise the memory lock limit for a little more speed")]
    internal static partial void NothingRegistered(ILogger logger, string server);
}
