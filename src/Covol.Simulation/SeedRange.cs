using System.Diagnostics;
using System.Globalization;

namespace Covol.Simulation;

/// <summary>Runs a range of seeds in worker processes, one a core. A worker that dies has failed its seed, and the next one goes on.</summary>
/// <remarks><c>failed</c> is told of each failure as it is found, one at a time.</remarks>
internal sealed class SeedRange(int first, int count, string rules, bool stopsAtFailure, Action<SeedResult> failed)
{
    private readonly Lock _gate = new();
    private readonly List<SeedResult> _failed = [];
    private bool _isOver;

    /// <summary>The failures, by seed.</summary>
    public IReadOnlyList<SeedResult> Run()
    {
        var workers = Math.Min(Environment.ProcessorCount, count);
        var threads = Enumerable.Range(0, workers)
            .Select(index => new Thread(() => Drive(first + index, workers)) { Name = $"worker {index}" })
            .ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
        return [.. _failed.OrderBy(result => result.Seed)];
    }

    private void Drive(int seed, int step)
    {
        while (seed < first + count)
        {
            var left = (first + count - seed + step - 1) / step;
            var next = DriveOne(seed, step, left);
            if (next is not { } after)
            {
                return;
            }

            seed = after;
        }
    }

    /// <summary>Answers the seed to go on with; null when all are done or nobody wants more.</summary>
    private int? DriveOne(int seed, int step, int left)
    {
        using var process = Process.Start(new ProcessStartInfo("dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            ArgumentList =
            {
                typeof(SeedRange).Assembly.Location,
                "worker",
                seed.ToString(CultureInfo.InvariantCulture),
                step.ToString(CultureInfo.InvariantCulture),
                left.ToString(CultureInfo.InvariantCulture),
                rules,
            },
        })!;
        var said = "";
        var listening = new Thread(() => said = process.StandardError.ReadToEnd()) { Name = "worker's errors" };
        listening.Start();
        while (process.StandardOutput.ReadLine() is { } line)
        {
            var result = Worker.Parse(line);
            seed = result.Seed + step;
            if (Note(result))
            {
                process.Kill();
                process.WaitForExit();
                listening.Join();
                return null;
            }
        }

        process.WaitForExit();
        listening.Join();
        if (process.ExitCode == 0)
        {
            return null;
        }

        var reason = said.Split('\n').FirstOrDefault(line => line.Trim().Length > 0)?.Trim() ?? "no reason was given";
        return Note(new SeedResult(seed, $"the process ended: {reason}", 0, 0, 0)) ? null : seed + step;
    }

    /// <summary>True: nobody wants more.</summary>
    private bool Note(SeedResult result)
    {
        lock (_gate)
        {
            if (result.Broken is not null)
            {
                _failed.Add(result);
                failed(result);
                _isOver |= stopsAtFailure;
            }

            return _isOver;
        }
    }
}
