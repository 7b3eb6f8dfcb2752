using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Covol.Lun.Reservations;

/// <summary>
/// The right to change the table: an flock on the table's file, so that it ends with its holder. A process frozen in the
/// middle of a change cannot hold up a fence in silence: waiting has a limit, after which the error names the process.
/// </summary>
internal readonly unsafe ref struct TableLock : IDisposable
{
    private readonly SafeFileHandle _file;
    private readonly MappedTable? _table;

    private TableLock(SafeFileHandle file, MappedTable? table)
    {
        _file = file;
        _table = table;
    }

    /// <summary>Waits for the lock at most that long. The table is null while it is not mapped yet.</summary>
    public static TableLock Take(SafeFileHandle file, MappedTable? table, string path, TimeSpan limit)
    {
        var began = Stopwatch.GetTimestamp();
        while (Interop.Libc.FLock(file, Interop.Libc.LOCK_EX | Interop.Libc.LOCK_NB) != 0)
        {
            var errno = Marshal.GetLastPInvokeError();
            if (errno is not (Interop.Errno.EAGAIN or Interop.Errno.EINTR))
            {
                throw Interop.Errno.Failure(errno, $"Locking the reservation table '{path}'");
            }

            if (Stopwatch.GetElapsedTime(began) > limit)
            {
                var changer = table is null ? 0 : Volatile.Read(ref table.Header->ChangerProcess);
                throw new LunException(
                    LunError.PathLost,
                    $"The reservation table '{path}' has been locked by process {changer} for {limit.TotalSeconds:0} s. "
                    + "It is stopped or frozen; end it.");
            }

            PollWait.For(1);
        }

        if (table is not null)
        {
            Volatile.Write(ref table.Header->ChangerProcess, Environment.ProcessId);
        }

        return new TableLock(file, table);
    }

    public void Dispose()
    {
        if (_table is not null)
        {
            Volatile.Write(ref _table.Header->ChangerProcess, 0);
        }

        if (Interop.Libc.FLock(_file, Interop.Libc.LOCK_UN) != 0)
        {
            throw Interop.Errno.Failure(Marshal.GetLastPInvokeError(), "Unlocking a reservation table");
        }
    }
}
