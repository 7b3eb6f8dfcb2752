using System.Collections.Concurrent;
using System.Diagnostics;

namespace Covol.Lab.Bench;

/// <summary>Threads that do one operation on names again and again.</summary>
internal static class MetadataRun
{
    private const int Files = 100;
    private const int FileBytes = 4096;

    /// <summary>Blocks for <paramref name="seconds"/>; what it makes below <paramref name="folder"/> is removed again.</summary>
    public static BenchFigures Measure(MetadataCase workload, string folder, int seconds)
    {
        var here = $"{folder}/covol-bench-names";
        Directory.CreateDirectory(here);
        try
        {
            for (var file = 0; file < Files; file++)
            {
                File.WriteAllBytes($"{here}/{file}", []);
            }

            return Run(workload, here, seconds);
        }
        finally
        {
            Directory.Delete(here, recursive: true);
        }
    }

    private static BenchFigures Run(MetadataCase workload, string folder, int seconds)
    {
        var latencies = new ConcurrentBag<List<double>>();
        var failures = new ConcurrentBag<Exception>();
        var start = Stopwatch.GetTimestamp();
        var threads = Enumerable.Range(0, workload.InFlight).Select(number => new Thread(() =>
        {
            var mine = new List<double>();

            // The kernel makes and removes names of one directory one after the other, on any file system.
            var own = $"{folder}/thread{number}";
            try
            {
                Directory.CreateDirectory(own);
                for (var turn = 0; Stopwatch.GetElapsedTime(start).TotalSeconds < seconds; turn++)
                {
                    var begin = Stopwatch.GetTimestamp();
                    Do(workload.Operation, folder, own, turn);
                    mine.Add(Stopwatch.GetElapsedTime(begin).TotalMicroseconds);
                }
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                failures.Add(failure);
            }

            latencies.Add(mine);
        })).ToArray();
        foreach (var thread in threads)
        {
            thread.Start();
        }

        foreach (var thread in threads)
        {
            thread.Join();
        }

        var took = Stopwatch.GetElapsedTime(start).TotalSeconds;
        if (!failures.IsEmpty)
        {
            throw new LabException($"{workload.Name} failed in {folder}: {failures.First().Message}");
        }

        var sorted = latencies.SelectMany(each => each).Order().ToArray();
        return new BenchFigures(sorted.Length / took, sorted.Length, sorted[sorted.Length / 2], sorted[sorted.Length * 99 / 100]);
    }

    private static void Do(MetadataOperation operation, string folder, string own, int turn)
    {
        if (operation == MetadataOperation.Stat)
        {
            _ = File.GetLastWriteTimeUtc($"{folder}/{turn % Files}");
            return;
        }

        var name = $"{own}/{turn}";
        using (var file = File.OpenHandle(name, FileMode.CreateNew, FileAccess.Write))
        {
            RandomAccess.Write(file, new byte[FileBytes], 0);
        }

        File.Delete(name);
    }
}
