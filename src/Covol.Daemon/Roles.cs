using System.Globalization;
using System.Text.Json;
using Covol.Api;
using Covol.Api.Configuration;
using Covol.Coordinator;
using Covol.Lun;
using Covol.Mount;
using Covol.Mount.Holding;
using Covol.Node;
using Covol.Node.Volumes;
using Covol.Ntfs;
using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.Transport.Control;
using Microsoft.Extensions.Logging;

namespace Covol.Daemon;

/// <summary>One program, several roles: the first argument picks one, and nothing else of this program does anything.</summary>
internal static class Roles
{
    private const string Usage = """
        usage: covold node        --config FILE
               covold mount       --config FILE
               covold coordinator --config FILE
               covold hold        --socket PATH
               covold format      --lun URI --label NAME [--overwrite] [--gpt]
               covold adopt       --lun URI
               covold release     --lun URI --key NUMBER
               covold check       --lun URI [--force]
        """;

    /// <summary>sysexits.h: the command was used incorrectly.</summary>
    private const int UsageStatus = 64;

    /// <summary>journald puts its own time on each line; a log file has none but ours.</summary>
    private static string? TimestampFormat =>
        Environment.GetEnvironmentVariable("JOURNAL_STREAM") is null ? "HH:mm:ss.fff " : null;

    /// <returns>0 after an ordered end, 64 for wrong arguments, 1 for anything else.</returns>
    public static async Task<int> RunAsync(string[] args, CancellationToken cancellation)
    {
        using var logs = LoggerFactory.Create(logging => logging
            .AddSystemdConsole(console => console.TimestampFormat = TimestampFormat)
            .SetMinimumLevel(LogLevel.Information)

            // Four lines for each request of the API would bury the state changes.
            .AddFilter("Microsoft.AspNetCore", LogLevel.Warning));
        try
        {
            switch (args)
            {
                case ["node", "--config", var file]:
                    await new NodeDaemon(ReadNode(file), logs, TimeProvider.System).RunAsync(cancellation);
                    return 0;
                case ["mount", "--config", var file]:
                    await MountProcess.RunAsync(ConfigurationFile.Read<MountConfiguration>(file), logs, cancellation);
                    return 0;
                case ["coordinator", "--config", var file]:
                    return await CoordinatorHost.RunAsync(ConfigurationFile.Read<CoordinatorConfiguration>(file), logs, cancellation);
                case ["hold", "--socket", var socket]:
                    await HolderProcess.RunAsync(socket, cancellation);
                    return 0;
                case ["format", "--lun", var uri, "--label", var label, .. var flags] when flags.All(flag => flag is "--overwrite" or "--gpt"):
                    // The node that asked takes the volume's URI from here.
                    await Console.Out.WriteLineAsync(await VolumeFormat.RunAsync(
                        uri, null, label, flags.Contains("--overwrite"), logs, flags.Contains("--gpt")));
                    return 0;
                case ["adopt", "--lun", var uri]:
                    // The node that asked takes the volume's URI from here.
                    await Console.Out.WriteLineAsync(await VolumeAdoption.AdoptAsync(uri, logs));
                    return 0;
                case ["release", "--lun", var uri, "--key", var key] when ulong.TryParse(key, CultureInfo.InvariantCulture, out var own):
                    await VolumeAdoption.ReleaseAsync(uri, new ReservationKey(own), logs);
                    return 0;
                case ["check", "--lun", var uri]:
                    await CheckAsync(uri, force: false, logs);
                    return 0;
                case ["check", "--lun", var uri, "--force"]:
                    await CheckAsync(uri, force: true, logs);
                    return 0;
                default:
                    await Console.Error.WriteLineAsync(Usage);
                    return UsageStatus;
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return 0;
        }
        catch (Exception failure) when (failure is NodeException or ControlException or LunException or NtfsRefusedException
            || (args is ["format" or "adopt" or "release" or "check", ..] && failure is IOException))
        {
            // Expected by design: one sentence for the administrator.
            await Console.Error.WriteLineAsync($"covold: {failure.Message}");
            return 1;
        }
        catch (Exception failure)
        {
            DaemonLog.Died(logs.CreateLogger("covold"), string.Join(' ', args), failure);
            return 1;
        }
    }

    /// <summary>What was found goes to standard output as JSON: it was done, whatever was found.</summary>
    private static async Task CheckAsync(string lunUri, bool force, ILoggerFactory logs)
    {
        var view = CheckViews.Of(null, lunUri, await VolumeCheck.RunAsync(lunUri, force, logs));
        await Console.Out.WriteLineAsync(JsonSerializer.Serialize(view, ApiJson.Default.CheckView));
    }

    private static NodeConfiguration ReadNode(string file)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllText(file), ConfigurationJson.Default.NodeConfiguration)
                ?? throw new NodeException($"{file} is empty.");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new NodeException($"The configuration {file} cannot be read: {failure.Message}", failure);
        }
    }
}
