using System.Globalization;
using System.Runtime.CompilerServices;
using Covol.Protocol;

namespace Covol.Simulation.Worlds;

/// <summary>
/// The loop that everything of one seed runs on: a queue of events by virtual time, one source of randomness, one trace.
/// </summary>
/// <remarks>
/// <code>
///   next event ──► real code ──► continuations on the pool's only thread ──► nothing is left? ──► next event
/// </code>
/// The process has one pool thread (runtimeconfig), and the loop is a work item of it: after each event it goes to the end of the pool's
/// queue until everything the event set going has run. So code that hops to the pool, as the volume client's does after each await, runs in
/// an order that only the seed decides, unchanged.
/// </remarks>
internal sealed class World : IThreadPoolWorkItem, IDisposable
{
    /// <summary>Work items after one event; more is a loop that never ends.</summary>
    private const int HopsMax = 1_000_000;

    private readonly PriorityQueue<Action, (long Time, long Order)> _events = new();
    private readonly ManualResetEventSlim _ended = new();
    private readonly Action<string>? _print;
    private int _thread;
    private int _hops;
    private long _order;
    private ulong _hash = 14_695_981_039_346_656_037;

    /// <param name="seed">Decides everything.</param>
    /// <param name="print">Gets each line of the trace; null: there is none.</param>
    public World(int seed, Action<string>? print)
    {
        Seed = seed;
        Random = new Random(seed);
        _print = print;
    }

    public int Seed { get; }

    public Random Random { get; }

    /// <summary>Virtual nanoseconds since the world began.</summary>
    public long Now { get; private set; }

    /// <summary>The first invariant that broke, as a sentence; null while all hold.</summary>
    public string? Broken { get; private set; }

    public bool IsOver { get; private set; }

    public long Events { get; private set; }

    /// <summary>Whether somebody reads the trace.</summary>
    public bool IsTraced => _print is not null;

    /// <summary>Of all trace lines: the same seed gives the same, always.</summary>
    public ulong TraceHash => _hash;

    public static long Nanoseconds(TimeSpan span) => span.Ticks * 100;

    public void After(TimeSpan span, Action action) => At(Now + Math.Max(0, Nanoseconds(span)), action);

    public void At(long time, Action action) => _events.Enqueue(action, (Math.Max(time, Now), _order++));

    /// <summary>A span between two, evenly.</summary>
    public TimeSpan Between(TimeSpan least, TimeSpan most) =>
        TimeSpan.FromTicks(least.Ticks + (long)(Random.NextDouble() * (most - least).Ticks));

    public TimeSpan Milliseconds(double least, double most) =>
        Between(TimeSpan.FromMilliseconds(least), TimeSpan.FromMilliseconds(most));

    public bool Chance(double probability) => Random.NextDouble() < probability;

    /// <summary>One line of the trace: when, who, what. Nothing is put together where nobody reads it.</summary>
    public void Trace(string who, [InterpolatedStringHandlerArgument("")] ref TraceText what)
    {
        if (_print is not null)
        {
            Trace(who, what.ToStringAndClear());
        }
    }

    public void Trace(string who, string what)
    {
        if (_print is null)
        {
            return;
        }

        var line = string.Create(CultureInfo.InvariantCulture, $"{Now / 1e9:0.000000} {who} {what}");
        foreach (var letter in line)
        {
            _hash = (_hash ^ letter) * 1_099_511_628_211;
        }

        _print(line);
    }

    /// <summary>A checker found that an invariant does not hold; the seed ends.</summary>
    public void Break(string invariant, string what)
    {
        Trace("checker", $"BROKEN {invariant} {what}");
        Broken ??= $"{invariant}: {what}";
        IsOver = true;
    }

    public void Dispose() => _ended.Dispose();

    public void End() => IsOver = true;

    /// <summary>Runs until it is over or nothing is left to happen. Not called on the pool.</summary>
    public void Run()
    {
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        _ended.Wait();
    }

    /// <summary>Fails when something of this world runs beside it: the seed would not decide the order any more.</summary>
    public void AssertCurrent() =>
        Invariant.Holds(Environment.CurrentManagedThreadId == _thread, "Something of a simulated world ran on another thread.");

    void IThreadPoolWorkItem.Execute()
    {
        if (_thread == 0)
        {
            _thread = Environment.CurrentManagedThreadId;
        }

        AssertCurrent();
        while (true)
        {
            if (ThreadPool.PendingWorkItemCount > 0)
            {
                if (++_hops > HopsMax)
                {
                    Break("Liveness", "something runs for ever without time passing");
                }
                else
                {
                    ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
                    return;
                }
            }

            _hops = 0;
            if (IsOver || !_events.TryDequeue(out var action, out var place))
            {
                _ended.Set();
                return;
            }

            Now = place.Time;
            Events++;
            action();
        }
    }
}
