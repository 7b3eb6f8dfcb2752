using System.Diagnostics;

namespace Covol.Lab.Bench;

/// <summary>
/// Files that another node made, or that the machine has forgotten; each is looked at once, a part of them in each round.
/// </summary>
internal static class ColdStatRun
{
    private const int Directories = 8;

    /// <summary>Files of one round.</summary>
    private const int RoundFiles = 480;

    /// <summary>Makes what <paramref name="rounds"/> rounds look at.</summary>
    public static void Prepare(BenchTarget target, int rounds)
    {
        var top = Top(target.Elsewhere?.Folder ?? target.Folder, target);
        Parallel.For(0, Directories, new ParallelOptions { MaxDegreeOfParallelism = Directories }, number =>
        {
            for (var round = 0; round < rounds; round++)
            {
                // One directory a round and thread: names of another round stay unseen where a directory is listed with its attributes.
                var here = $"{top}/{round}/{number}";
                Directory.CreateDirectory(here);
                for (var file = 0; file < RoundFiles / Directories; file++)
                {
                    File.WriteAllBytes($"{here}/{file}", []);
                }
            }
        });
    }

    public static BenchFigures Measure(ColdStatCase workload, BenchTarget target, int round)
    {
        if (target.Elsewhere is null)
        {
            MachineCaches.Drop();
        }

        var top = $"{Top(target.Folder, target)}/{round}";
        for (var number = 0; number < Directories; number++)
        {
            // The way there is not what is measured.
            _ = File.GetUnixFileMode($"{top}/{number}");
        }

        var latencies = new List<double>(RoundFiles);
        var start = Stopwatch.GetTimestamp();
        for (var file = 0; file < RoundFiles / Directories; file++)
        {
            for (var number = 0; number < Directories; number++)
            {
                var begin = Stopwatch.GetTimestamp();

                // Fails where there is no such file.
                _ = File.GetUnixFileMode($"{top}/{number}/{file}");
                latencies.Add(Stopwatch.GetElapsedTime(begin).TotalMicroseconds);
            }
        }

        return BenchFigures.Of(workload.Name, latencies, Stopwatch.GetElapsedTime(start).TotalSeconds);
    }

    public static void CleanUp(BenchTarget target)
    {
        if (Directory.Exists(Top(target.Folder, target)))
        {
            Directory.Delete(Top(target.Folder, target), recursive: true);
        }
    }

    /// <summary>A tree for each target: what one node has looked at is not asked of another one.</summary>
    private static string Top(string folder, BenchTarget target) => $"{folder}/covol-bench-cold-{target.Name}";
}
