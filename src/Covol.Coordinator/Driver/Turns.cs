namespace Covol.Coordinator.Driver;

/// <summary>One at a time, first come, first served. On the coordinator's thread only.</summary>
internal sealed class Turns
{
    private readonly Queue<TaskCompletionSource> _waiting = new();
    private bool _isTaken;

    /// <summary>Ends when it is the caller's turn, which lasts until the result is disposed of.</summary>
    public async Task<IDisposable> TakeAsync()
    {
        if (_isTaken)
        {
            var turn = new TaskCompletionSource();
            _waiting.Enqueue(turn);
            await turn.Task;
        }

        _isTaken = true;
        return new Turn(this);
    }

    private void Leave()
    {
        // It stays taken while it goes from one to the next.
        if (_waiting.TryDequeue(out var next))
        {
            next.SetResult();
        }
        else
        {
            _isTaken = false;
        }
    }

    private sealed class Turn(Turns turns) : IDisposable
    {
        private bool _left;

        public void Dispose()
        {
            if (!_left)
            {
                _left = true;
                turns.Leave();
            }
        }
    }
}
