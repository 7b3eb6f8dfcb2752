using System.Text;
using Covol.Lab.Guest;

namespace Covol.Lab.Demo;

/// <summary>
/// Follows what the guest writes to its console, on whichever node it runs: each node's log file is read as it grows, and each line is
/// stamped when it is seen. So times are measured from outside; a stopped guest's own clock stands still.
/// </summary>
internal sealed class ConsoleTail : IDisposable
{
    private const int LineBytesMax = 4096;
    private static readonly TimeSpan s_period = TimeSpan.FromMilliseconds(2);

    private readonly IReadOnlyList<Source> _sources;
    private readonly TimeProvider _time;
    private readonly ManualResetEventSlim _stop = new();
    private readonly Thread _thread;
    private readonly Lock _gate = new();
    private readonly GuestTicks _ticks = new();
    private readonly List<(DateTimeOffset At, long Sequence)> _seen = [];
    private volatile string? _failure;

    /// <param name="files">The console logs of all nodes; they need not exist yet.</param>
    /// <param name="time">The clock outside.</param>
    public ConsoleTail(IEnumerable<string> files, TimeProvider time)
    {
        _sources = [.. files.Select(file => new Source(file))];
        _time = time;
        _thread = new Thread(Follow) { Name = "demo-console", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Looks at the ticks seen so far, alone.</summary>
    public T Read<T>(Func<GuestTicks, T> look)
    {
        lock (_gate)
        {
            return _failure is { } failure ? throw new LabException(failure) : look(_ticks);
        }
    }

    /// <summary>The longest time between two ticks of which the later came after a moment.</summary>
    public TimeSpan LongestPauseSince(DateTimeOffset moment)
    {
        lock (_gate)
        {
            var longest = TimeSpan.Zero;
            for (var i = 1; i < _seen.Count; i++)
            {
                var pause = _seen[i].At - _seen[i - 1].At;
                longest = _seen[i].At >= moment && pause > longest ? pause : longest;
            }

            return longest;
        }
    }

    /// <summary>When each tick was seen and how long the guest had been silent before it.</summary>
    public IReadOnlyList<(DateTimeOffset At, TimeSpan Silence)> Silences()
    {
        lock (_gate)
        {
            return [.. _seen.Skip(1).Select((tick, index) => (tick.At, tick.At - _seen[index].At))];
        }
    }

    public void Dispose()
    {
        _stop.Set();
        _thread.Join();
        _stop.Dispose();
        foreach (var source in _sources)
        {
            source.Dispose();
        }
    }

    private void Follow()
    {
        try
        {
            while (!_stop.Wait(s_period))
            {
                foreach (var source in _sources)
                {
                    source.Read(Take);
                }
            }
        }
        catch (IOException failure)
        {
            _failure = $"The guest's console cannot be read: {failure.Message}";
        }
    }

    private void Take(string line)
    {
        var at = _time.GetUtcNow();
        lock (_gate)
        {
            _ticks.Take(at, line);
            if (GuestLine.Parse(line) is GuestLine.Tick tick)
            {
                _seen.Add((at, tick.Sequence));
            }
        }
    }

    private sealed class Source(string file) : IDisposable
    {
        private readonly byte[] _buffer = new byte[64 * 1024];
        private readonly List<byte> _line = [];
        private FileStream? _stream;

        public void Read(Action<string> take)
        {
            if (_stream is null && File.Exists(file))
            {
                _stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            }

            for (var count = _stream?.Read(_buffer) ?? 0; count > 0; count = _stream!.Read(_buffer))
            {
                foreach (var letter in _buffer.AsSpan(0, count))
                {
                    if (letter != '\n' && _line.Count < LineBytesMax)
                    {
                        _line.Add(letter);
                        continue;
                    }

                    take(Encoding.UTF8.GetString([.. _line]).TrimEnd('\r'));
                    _line.Clear();
                }
            }
        }

        public void Dispose() => _stream?.Dispose();
    }
}
