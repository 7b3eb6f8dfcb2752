using Covol.Protocol.Migration;
using Microsoft.Extensions.Logging;

namespace Covol.VirtualMachines;

/// <summary>What operators read about virtual machines. Event ids 5000-5099.</summary>
internal static partial class VirtualMachineLog
{
    [LoggerMessage(5001, LogLevel.Information, "Virtual machine {Name} runs as process {ProcessId}")]
    public static partial void Started(ILogger log, string name, int processId);

    [LoggerMessage(5002, LogLevel.Information, "Virtual machine {Name} is off: process {ProcessId} has ended")]
    public static partial void Ended(ILogger log, string name, int processId);

    [LoggerMessage(
        5003, LogLevel.Warning, "Virtual machine {Name} did not shut down within {Seconds} s of its power button; it is switched off")]
    public static partial void SwitchedOff(ILogger log, string name, double seconds);

    [LoggerMessage(5004, LogLevel.Warning, "Virtual machine {Name} does not end by itself; process {ProcessId} is killed")]
    public static partial void Killed(ILogger log, string name, int processId);

    [LoggerMessage(5005, LogLevel.Warning, "QEMU's monitor broke: {Reason}")]
    public static partial void MonitorBroke(ILogger log, string reason);

    [LoggerMessage(5006, LogLevel.Information, "Virtual machine {Name}: {Event}")]
    public static partial void Event(ILogger log, string name, string @event);

    [LoggerMessage(5007, LogLevel.Warning, "Virtual machine {Name} is gone; its folder {Folder} could not be removed: {Reason}")]
    public static partial void PlacesLeft(ILogger log, string name, string folder, string reason);

    [LoggerMessage(5010, LogLevel.Information, "Migration of {Name}: {Phase}")]
    public static partial void MigrationPhase(ILogger log, string name, MigrationPhase phase);

    [LoggerMessage(5011, LogLevel.Warning, "Migration of {Name}: {Step} failed: {Reason}")]
    public static partial void MigrationStepFailed(ILogger log, string name, MigrationStep step, string reason);

    [LoggerMessage(5012, LogLevel.Warning, "Migration of {Name}: its blackout could not be measured by the console: {Reason}")]
    public static partial void MeasureFailed(ILogger log, string name, string reason);
}
