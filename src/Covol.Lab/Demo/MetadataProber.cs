using System.Diagnostics;

namespace Covol.Lab.Demo;

/// <summary>Creates, renames and deletes a file every 10 ms in one folder and remembers how long each round took.</summary>
internal sealed class MetadataProber : IDisposable
{
    private static readonly TimeSpan s_period = TimeSpan.FromMilliseconds(10);

    private readonly string _folder;
    private readonly ManualResetEventSlim _stop = new();
    private readonly Thread _thread;
    private readonly Lock _gate = new();
    private readonly List<ProbeRound> _rounds = [];
    private string? _failure;

    /// <summary>Begins at once, on a thread of its own (its calls block while a coordinator is replaced).</summary>
    public MetadataProber(string folder)
    {
        _folder = folder;
        Directory.CreateDirectory(folder);
        _thread = new Thread(Probe) { Name = "demo-prober", IsBackground = true };
        _thread.Start();
    }

    /// <summary>What went wrong first, as a sentence; null while nothing did.</summary>
    public string? Failure
    {
        get
        {
            lock (_gate)
            {
                return _failure;
            }
        }
    }

    /// <summary>Rounds finished so far.</summary>
    public int Rounds
    {
        get
        {
            lock (_gate)
            {
                return _rounds.Count;
            }
        }
    }

    /// <summary>The longest round that ended after a moment (<see cref="Stopwatch.GetTimestamp"/>).</summary>
    public TimeSpan LongestSince(long timestamp)
    {
        lock (_gate)
        {
            return _rounds.Where(round => round.Ended >= timestamp).Select(round => Stopwatch.GetElapsedTime(round.Began, round.Ended))
                .DefaultIfEmpty().Max();
        }
    }

    /// <summary>Waits for the round under way, then checks that no file is left. Returns false when it does not end in time.</summary>
    public bool Finish(TimeSpan limit)
    {
        _stop.Set();
        return _thread.Join(limit);
    }

    public void Dispose()
    {
        _stop.Set();
        if (_thread.Join(TimeSpan.FromSeconds(5)))
        {
            _stop.Dispose();
        }
    }

    private void Probe()
    {
        try
        {
            for (var round = 0; !_stop.Wait(s_period); round++)
            {
                var began = Stopwatch.GetTimestamp();
                var first = $"{_folder}/probe-{round}";
                var second = $"{_folder}/probe-{round}-renamed";
                File.WriteAllText(first, string.Empty);
                File.Move(first, second, overwrite: false);
                if (File.Exists(first) || !File.Exists(second))
                {
                    throw new IOException($"{first} was renamed to {second} and the names do not show it.");
                }

                File.Delete(second);
                lock (_gate)
                {
                    _rounds.Add(new ProbeRound(began, Stopwatch.GetTimestamp()));
                }
            }

            if (Directory.EnumerateFileSystemEntries(_folder).FirstOrDefault() is { } left)
            {
                throw new IOException($"{left} was deleted and is still there.");
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            lock (_gate)
            {
                _failure = failure.Message;
            }
        }
    }

    private readonly record struct ProbeRound(long Began, long Ended);
}
