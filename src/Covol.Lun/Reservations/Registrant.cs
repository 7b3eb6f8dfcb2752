using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Covol.Lun.Reservations;

/// <summary>
/// The process behind a registration, held by a pidfd so that a reused process id can never be mistaken for it. The cluster's
/// processes share one pid namespace; the caller may signal the holder (same user, or root).
/// </summary>
internal sealed class Registrant : IDisposable
{
    private readonly SafeFileHandle? _descriptor;
    private readonly int _process;

    private Registrant(int process, SafeFileHandle? descriptor)
    {
        _process = process;
        _descriptor = descriptor;
    }

    /// <summary>True when the process has ended: all its threads are gone.</summary>
    public bool HasEnded => WaitForEnd(0);

    public bool IsThisProcess => _descriptor is not null && _process == Environment.ProcessId;

    public static Registrant Find(int process, long start)
    {
        // The descriptor first, then the start time: if that still matches, the id has not changed hands in between.
        var descriptor = Interop.Libc.PidFdOpen(process);
        if (descriptor.IsInvalid)
        {
            var errno = Marshal.GetLastPInvokeError();
            descriptor.Dispose();
            // EINVAL: the id names a thread now, so the process that had it is gone.
            return errno is Interop.Errno.ESRCH or Interop.Errno.EINVAL
                ? new Registrant(process, null)
                : throw Interop.Errno.Failure(errno, $"Looking at process {process}");
        }

        if (StartTime(process) == start)
        {
            return new Registrant(process, descriptor);
        }

        descriptor.Dispose();
        return new Registrant(process, null);
    }

    /// <summary>Clock ticks since boot; null when there is no such process (proc(5), /proc/pid/stat field 22).</summary>
    public static long? StartTime(int process)
    {
        string stat;
        try
        {
            stat = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{process}/stat"));
        }
        catch (IOException)
        {
            // Gone between two looks: ENOENT at open, ESRCH at read.
            return null;
        }

        // The command name, in parentheses, may hold anything; field 3 follows its last ')'.
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return long.Parse(fields[22 - 3], CultureInfo.InvariantCulture);
    }

    /// <summary>Waits until the process has ended, at most that long. True: it has.</summary>
    public bool WaitForEnd(int milliseconds)
    {
        if (_descriptor is not null)
        {
            return PollWait.Readable(_descriptor, milliseconds);
        }

        PollWait.For(milliseconds);
        return true;
    }

    public void Kill()
    {
        if (_descriptor is null || Interop.Libc.PidFdSendSignal(_descriptor, Interop.Libc.SIGKILL) == 0)
        {
            return;
        }

        var errno = Marshal.GetLastPInvokeError();
        if (errno != Interop.Errno.ESRCH)
        {
            throw new LunException(
                LunError.PathLost,
                $"Process {_process} holds a fenced key, does not end its I/O, and may not be ended by us "
                + $"(errno {errno}). End it.");
        }
    }

    public void Dispose() => _descriptor?.Dispose();
}
