using System.Diagnostics.CodeAnalysis;
using Covol.Lun;
using Covol.Protocol.Ids;
using Covol.VolumeClient;
using Microsoft.Extensions.Logging;

namespace Covol.Mount;

/// <summary>
/// Brings a node that goes redirected back to direct I/O by itself, as a new incarnation with a new key (SAFETY 1, 4).
/// <code>
///   direct ──fenced, or a request failed──► redirected ──all old I/O ended──► the LUN answers ──► a key is offered
///      ▲                                        ▲                                                        │
///      │ lease renewed under the new key        │ any step fails: after a pause                          ▼
///      └─── session resumed: the coordinator ◄──┴──── LUN exchanged ◄───── registered on a newly opened LUN
///           has fenced the old key
/// </code>
/// A lost path is taken like a fence: what failed may still land, and only the fence of its key ends that.
/// </summary>
internal sealed class ReturnToDirect : IAsyncDisposable
{
    private static readonly TimeSpan s_pauseMin = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_pauseMax = TimeSpan.FromMinutes(1);

    /// <summary>A path that failed again before this time was good for nothing: the pause goes on growing.</summary>
    private static readonly TimeSpan s_goodFor = TimeSpan.FromMinutes(1);

    /// <summary>A coordinator fences the old key and waits for the old lease (DESIGN 6: 10 s) before it grants anything.</summary>
    private static readonly TimeSpan s_resumeLimit = TimeSpan.FromSeconds(60);

    private readonly string _name;
    private readonly NodeVolume _volume;
    private readonly IncarnationLun _lun;
    private readonly Func<ILun> _open;
    private readonly IDataKeys _keys;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;

    /// <param name="name">The volume, for messages.</param>
    /// <param name="volume">Whose session changes its key.</param>
    /// <param name="lun">What the ring uses; what is in it when this is disposed of is the caller's.</param>
    /// <param name="open">Opens the LUN once more; blocks.</param>
    /// <param name="keys">Where the next key comes from.</param>
    /// <param name="time">Drives the pauses.</param>
    /// <param name="log">The mount's.</param>
    public ReturnToDirect(
        string name, NodeVolume volume, IncarnationLun lun, Func<ILun> open, IDataKeys keys, TimeProvider time, ILogger log)
    {
        _name = name;
        _volume = volume;
        _lun = lun;
        _open = open;
        _keys = keys;
        _time = time;
        _log = log;
        _loop = Task.Run(RunGuardedAsync);
    }

    /// <summary>Tries no more; a call into the LUN that hangs is waited for.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(false);
    }

    [SuppressMessage("Design", "CA1031", Justification = "Whatever escapes is a broken invariant and ends the process, loudly.")]
    private async Task RunGuardedAsync()
    {
        try
        {
            await RunAsync(_stop.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The only way out.
        }
        catch (Exception failure)
        {
            Environment.FailFast($"{_name}: the way back to direct I/O failed: {failure.Message}", failure);
        }
    }

    private async Task RunAsync(CancellationToken cancellation)
    {
        var pause = s_pauseMin;
        while (true)
        {
            var direct = _time.GetTimestamp();
            await _volume.RedirectedAsync(cancellation).ConfigureAwait(false);
            pause = _time.GetElapsedTime(direct) > s_goodFor ? s_pauseMin : pause;
            do
            {
                await Task.Delay(pause, _time, cancellation).ConfigureAwait(false);
                pause = pause * 2 < s_pauseMax ? pause * 2 : s_pauseMax;
            }
            while (!await TryAsync(cancellation).ConfigureAwait(false));
        }
    }

    /// <summary>One new incarnation, from the end of the old one's I/O to the first renewal under the new key.</summary>
    private async Task<bool> TryAsync(CancellationToken cancellation)
    {
        ILun? next = null;
        ReservationKey key;
        try
        {
            await _volume.OldIoEndedAsync(cancellation).ConfigureAwait(false);
            next = await OnThreadOfItsOwn(OpenAndRead).ConfigureAwait(false);
            key = await _keys.NextAsync(cancellation).ConfigureAwait(false);
            await OnThreadOfItsOwn(() => Register(next, key)).ConfigureAwait(false);
            _lun.Exchange(next).Dispose();
        }
        catch (Exception failure) when (failure is LunException or IOException)
        {
            next?.Dispose();
            MountLog.StaysRedirected(_log, _name, failure.Message);
            return false;
        }
        catch (OperationCanceledException)
        {
            next?.Dispose();
            throw;
        }

        return await TryResumeAsync(next, key, cancellation).ConfigureAwait(false);
    }

    private async Task<bool> TryResumeAsync(ILun next, ReservationKey key, CancellationToken cancellation)
    {
        using var deadline = new CancellationTokenSource(s_resumeLimit, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellation);
        try
        {
            await _volume.ComeBackAsync(key, either.Token).ConfigureAwait(false);
            return true;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            MountLog.StaysRedirected(
                _log, _name, $"The coordinator has not taken {key} within {s_resumeLimit.TotalSeconds:0} s.");
        }

        // Nothing was written under it. It stays in the ring's place, where it lets nothing in.
        await OnThreadOfItsOwn(() => GiveUp(next)).ConfigureAwait(false);
        return false;
    }

    /// <summary>A path is there when it reads.</summary>
    private ILun OpenAndRead()
    {
        var lun = _open();
        try
        {
            lun.Read(default, new byte[lun.BlockSize]);
            return lun;
        }
        catch
        {
            lun.Dispose();
            throw;
        }
    }

    private bool Register(ILun lun, ReservationKey key)
    {
        lun.Register(key);
        MountLog.NewIncarnation(_log, _name, key);
        return true;
    }

    private bool GiveUp(ILun lun)
    {
        try
        {
            lun.Unregister();
            return true;
        }
        catch (LunException failure)
        {
            // Fenced already, or the path is gone again: the next incarnation's resumption fences it.
            MountLog.StaysRedirected(_log, _name, failure.Message);
            return false;
        }
    }

    /// <summary>The LUN's calls block, and one may hang for as long as its path does.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "The failure is the caller's.")]
    private Task<T> OnThreadOfItsOwn<T>(Func<T> work)
    {
        var ended = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() =>
        {
            try
            {
                ended.SetResult(work());
            }
            catch (Exception failure)
            {
                ended.SetException(failure);
            }
        })
        {
            Name = $"lun {_name}",
            IsBackground = true,
        };
        thread.Start();
        return ended.Task;
    }
}
