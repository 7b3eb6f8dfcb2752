using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Covol.VirtualMachines;

/// <summary>
/// A process held by its pidfd (pidfd_open(2)): a signal can never hit a stranger that got the same number, and its end is seen
/// within milliseconds, also for a process that is not our child. One thread of its own waits for that end.
/// </summary>
internal sealed class ProcessDescriptor : IDisposable
{
    /// <summary>How long a dispose may wait for the watching thread to see it.</summary>
    private const int PollMilliseconds = 500;

    private readonly SafeFileHandle _pidfd;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _disposed;

    private ProcessDescriptor(int processId, SafeFileHandle pidfd, string name)
    {
        ProcessId = processId;
        _pidfd = pidfd;
        var watcher = new Thread(Watch) { IsBackground = true, Name = name };
        watcher.Start();
    }

    public int ProcessId { get; }

    /// <summary>Completes when the process has ended; is cancelled when this object is disposed before.</summary>
    public Task Ended => _ended.Task;

    /// <summary>Null when no such process lives.</summary>
    public static ProcessDescriptor? TryOpen(int processId, string threadName)
    {
        var descriptor = Interop.Libc.PidfdOpen(processId, 0);
        if (descriptor >= 0)
        {
            return new ProcessDescriptor(processId, new SafeFileHandle(descriptor, ownsHandle: true), threadName);
        }

        return Marshal.GetLastPInvokeError() == Interop.Libc.Esrch
            ? null
            : throw new IOException($"Process {processId} cannot be watched: {Marshal.GetLastPInvokeErrorMessage()}.");
    }

    /// <summary>Sends a signal; one to a process that has just ended is no error.</summary>
    public void Send(Signal signal)
    {
        if (Interop.Libc.PidfdSendSignal(_pidfd, (int)signal, 0, 0) != 0
            && Marshal.GetLastPInvokeError() != Interop.Libc.Esrch)
        {
            throw new IOException($"Process {ProcessId} takes no {signal} signal: {Marshal.GetLastPInvokeErrorMessage()}.");
        }
    }

    public void Dispose()
    {
        _disposed = true;
        _pidfd.Dispose();
    }

    private void Watch()
    {
        // Counted, so that a dispose closes the descriptor only after poll has let go of it.
        var counted = false;
        try
        {
            _pidfd.DangerousAddRef(ref counted);
            Poll();
        }
        catch (ObjectDisposedException)
        {
            _ended.TrySetCanceled();
        }
        finally
        {
            if (counted)
            {
                _pidfd.DangerousRelease();
            }
        }
    }

    private void Poll()
    {
        var poll = new Interop.Libc.PollDescriptor
        {
            Descriptor = (int)_pidfd.DangerousGetHandle(),
            Events = Interop.Libc.PollIn,
        };
        while (!_disposed)
        {
            var ready = Interop.Libc.Poll(ref poll, 1, PollMilliseconds);
            if (ready > 0)
            {
                _ended.TrySetResult();
                return;
            }

            if (ready < 0 && Marshal.GetLastPInvokeError() != Interop.Libc.Eintr)
            {
                _ended.TrySetException(new IOException(
                    $"Process {ProcessId} cannot be watched: {Marshal.GetLastPInvokeErrorMessage()}."));
                return;
            }
        }

        _ended.TrySetCanceled();
    }
}
