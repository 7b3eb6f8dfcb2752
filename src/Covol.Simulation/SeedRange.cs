namespace Covol.Simulation;

/// <summary>Runs seeds in worker processes, one a core, which serve one range after the other.</summary>
internal sealed class SeedRange : IDisposable
{
    private readonly List<WorkerProcess> _workers = [.. Enumerable.Range(0, Environment.ProcessorCount).Select(_ => new WorkerProcess())];
    private readonly Lock _gate = new();

    /// <summary>The failures, by seed. With <paramref name="stopsAtFailure"/> the first one only.</summary>
    /// <param name="first">The first seed.</param>
    /// <param name="count">How many.</param>
    /// <param name="rules">See <see cref="Worker.RulesOf"/>.</param>
    /// <param name="stopsAtFailure">Nothing behind the first failure is run.</param>
    /// <param name="failed">Told of each failure as it is found, one at a time.</param>
    public IReadOnlyList<SeedResult> Run(int first, int count, string rules, bool stopsAtFailure, Action<SeedResult> failed)
    {
        var found = new List<SeedResult>();
        var next = first;
        var end = first + count;
        var threads = _workers.Take(count).Select(worker => new Thread(() => Drive(worker)) { Name = "seeds" }).ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
        var ordered = found.OrderBy(result => result.Seed);
        return [.. stopsAtFailure ? ordered.Take(1) : ordered];

        void Drive(WorkerProcess worker)
        {
            while (TryTake(out var seed))
            {
                var result = worker.Run(seed, rules);
                if (result.Broken is not null)
                {
                    Note(result);
                }
            }
        }

        bool TryTake(out int seed)
        {
            lock (_gate)
            {
                seed = next;
                if (seed >= end)
                {
                    return false;
                }

                next++;
                return true;
            }
        }

        void Note(SeedResult result)
        {
            lock (_gate)
            {
                // Whoever still runs has an earlier seed, which may fail too.
                end = stopsAtFailure ? Math.Min(end, result.Seed) : end;
                found.Add(result);
                failed(result);
            }
        }
    }

    public void Dispose() => _workers.ForEach(worker => worker.Dispose());
}
