using Covol.Lun;
using Covol.Ntfs;
using Covol.Transport.Control;

namespace Covol.Coordinator;

/// <summary>
/// Checks of the volume while it is served, one at a time, on a thread of their own. The metadata thread gives a snapshot and goes on; see
/// docs/internals/check.md.
/// </summary>
internal sealed class OnlineChecks(string name, NtfsVolume volume, MetadataThread metadata, TimeProvider time) : IAsyncDisposable
{
    private readonly Lock _access = new();
    private OnlineCheck? _running;
    private Task _end = Task.CompletedTask;
    private bool _isEnding;

    /// <summary>The answer, a refusal where another runs or it could not be finished. Ends early when nobody waits for it any more.</summary>
    public async Task<ControlAnswer> RunAsync(CancellationToken cancellation)
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_access)
        {
            if (_isEnding || !_end.IsCompleted)
            {
                return ControlAnswer.Refused(
                    _isEnding ? $"The coordinator of {name} is ending; check it again in a moment." : $"A check of {name} runs already.");
            }

            _end = ended.Task;
        }

        try
        {
            return await CheckAsync(cancellation);
        }
        finally
        {
            ended.SetResult();
        }
    }

    public async ValueTask DisposeAsync()
    {
        Task end;
        lock (_access)
        {
            _isEnding = true;
            end = _end;
            _running?.Abandon($"The coordinator of {name} ended while it was checked. Check it again.");
        }

        await end;
    }

    private async Task<ControlAnswer> CheckAsync(CancellationToken cancellation)
    {
        var check = await metadata.RunAsync(volume.BeginCheck);
        try
        {
            lock (_access)
            {
                _running = check;
                if (_isEnding)
                {
                    check.Abandon($"The coordinator of {name} ended before it was checked. Check it again.");
                }
            }

            await using var given = cancellation.Register(() => check.Abandon("Nobody waits for the check any more."));
            using var thread = new MetadataThread($"check {name}");
            var start = time.GetTimestamp();
            var report = await thread.RunAsync(check.Run);
            return new ControlAnswer(true, Check: CheckResults.Of(report, time.GetElapsedTime(start)));
        }
        catch (Exception failure) when (failure is CheckAbandonedException or LunException)
        {
            return ControlAnswer.Refused($"{name} could not be checked: {failure.Message}");
        }
        finally
        {
            lock (_access)
            {
                _running = null;
            }

            await metadata.RunAsync(volume.EndCheck);
        }
    }
}
