using System.Globalization;
using System.Text.Json;

namespace Covol.Growth;

/// <summary>The command: <c>covol bench --growth [--json FILE]</c>; with <c>--quick</c> everything once and small.</summary>
internal static class GrowthProgram
{
    public static async Task<int> RunAsync(string[] arguments)
    {
        string? json = null;
        var sizes = GrowthSizes.Full;
        for (var index = 0; index < arguments.Length; index++)
        {
            switch (arguments[index])
            {
                case "--json" when index + 1 < arguments.Length:
                    json = arguments[++index];
                    break;
                case "--quick":
                    sizes = GrowthSizes.Quick;
                    break;
                default:
                    await Console.Error.WriteLineAsync($"'{arguments[index]}' is not known. Use: [--json FILE] [--quick]");
                    return 2;
            }
        }

        var table = new GrowthTable();
        try
        {
            await SessionGrowth.MeasureAsync(sizes, table);
            await OpenFileGrowth.MeasureAsync(sizes, table);
            await ExtentGrowth.MeasureAsync(sizes, table);
        }
        catch (GrowthException failure)
        {
            await Console.Error.WriteLineAsync($"covol bench --growth: {failure.Message}");
            return 1;
        }

        table.Print(Console.Out);
        if (json is not null)
        {
            var report = new GrowthReport($"./covol bench --growth {string.Join(' ', arguments)}", Machine(), table.Figures);
            await File.WriteAllTextAsync(json, JsonSerializer.Serialize(report, GrowthJson.Default.GrowthReport));
        }

        return 0;
    }

    private static GrowthMachine Machine()
    {
        var memory = File.ReadLines("/proc/meminfo").First().Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
        var root = File.ReadLines("/proc/self/mountinfo").Select(line => line.Split(' ')).Last(fields => fields[4] == "/");
        var dash = Array.IndexOf(root, "-");
        return new GrowthMachine(
            Environment.ProcessorCount,
            long.Parse(memory, CultureInfo.InvariantCulture) << 10,
            File.ReadAllText("/proc/sys/kernel/osrelease").Trim(),
            $"{root[dash + 1]} on {root[dash + 2]}");
    }
}
