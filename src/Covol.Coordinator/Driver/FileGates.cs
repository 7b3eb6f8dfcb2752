using Covol.Protocol;
using Covol.Protocol.Ids;

namespace Covol.Coordinator.Driver;

/// <summary>
/// Serialises what operations do to one file's data. On the coordinator's thread only. Strictly first come, first served, so a
/// stream of readers cannot keep a truncation out. Nobody holds two gates, so there is no deadlock between them.
/// </summary>
internal sealed class FileGates
{
    private readonly Dictionary<FileId, Gate> _gates = [];
    private long _lastTurn;

    /// <param name="file">Whose gate.</param>
    /// <param name="mode">What for.</param>
    /// <param name="keeps">
    /// What somebody who is inside entered, finds that he needs more, and leaves at once: his turn is what it was, before everyone who came after
    /// him, and after those who came before him and wait for more as well.
    /// </param>
    public async Task<Entered> EnterAsync(FileId file, GateMode mode, Entered? keeps = null)
    {
        var number = keeps?.Number ?? ++_lastTurn;
        if (!_gates.TryGetValue(file, out var gate))
        {
            _gates.Add(file, gate = new Gate());
        }

        if (gate.Waiting.Count > 0 || !gate.Admits(mode))
        {
            var turn = new TaskCompletionSource();
            gate.Wait(number, mode, turn);
            await turn.Task;
        }
        else
        {
            gate.Enter(mode);
        }

        return new Entered(this, file, mode, number);
    }

    /// <summary>Alone inside at once, where nobody is inside or waits.</summary>
    public Entered? TryEnterAlone(FileId file)
    {
        if (_gates.ContainsKey(file))
        {
            return null;
        }

        var gate = new Gate();
        gate.Enter(GateMode.Exclusive);
        _gates.Add(file, gate);
        return new Entered(this, file, GateMode.Exclusive, ++_lastTurn);
    }

    private void Leave(FileId file, GateMode mode)
    {
        var gate = _gates[file];
        gate.Leave(mode);
        while (gate.Waiting.First is { } next && gate.Admits(next.Value.Mode))
        {
            gate.Waiting.RemoveFirst();
            gate.Enter(next.Value.Mode);
            next.Value.Turn.SetResult();
        }

        // Whoever's turn began above may have left already, and come back: the gate in the table is then another one.
        if (gate.IsIdle && _gates.TryGetValue(file, out var known) && ReferenceEquals(known, gate))
        {
            _gates.Remove(file);
        }
    }

    /// <summary>An operation inside a gate, until it is disposed of.</summary>
    internal sealed class Entered(FileGates gates, FileId file, GateMode mode, long number) : IDisposable
    {
        private bool _left;

        public GateMode Mode => mode;

        /// <summary>Of his turn: who came earlier has a lower one.</summary>
        public long Number => number;

        public void Dispose()
        {
            if (!_left)
            {
                _left = true;
                gates.Leave(file, mode);
            }
        }
    }

    private sealed class Gate
    {
        private int _shared;
        private bool _extend;
        private bool _exclusive;

        /// <summary>In the order of their numbers.</summary>
        public LinkedList<(long Number, GateMode Mode, TaskCompletionSource Turn)> Waiting { get; } = new();

        public bool IsIdle => _shared == 0 && !_extend && !_exclusive && Waiting.Count == 0;

        public void Wait(long number, GateMode mode, TaskCompletionSource turn)
        {
            // From the end: who keeps his turn is the exception.
            var before = Waiting.Last;
            while (before is not null && before.Value.Number > number)
            {
                before = before.Previous;
            }

            if (before is null)
            {
                Waiting.AddFirst((number, mode, turn));
            }
            else
            {
                Waiting.AddAfter(before, (number, mode, turn));
            }
        }

        public bool Admits(GateMode mode) => !_exclusive && mode switch
        {
            GateMode.Shared => true,
            GateMode.Extend => !_extend,
            _ => !_extend && _shared == 0,
        };

        public void Enter(GateMode mode)
        {
            switch (mode)
            {
                case GateMode.Shared:
                    _shared++;
                    break;
                case GateMode.Extend:
                    _extend = true;
                    break;
                default:
                    _exclusive = true;
                    break;
            }
        }

        public void Leave(GateMode mode)
        {
            switch (mode)
            {
                case GateMode.Shared:
                    Invariant.Holds(_shared > 0, "A file's gate was left more often than entered.");
                    _shared--;
                    break;
                case GateMode.Extend:
                    Invariant.Holds(_extend, "A file's gate was left more often than entered.");
                    _extend = false;
                    break;
                default:
                    Invariant.Holds(_exclusive, "A file's gate was left more often than entered.");
                    _exclusive = false;
                    break;
            }
        }
    }
}
