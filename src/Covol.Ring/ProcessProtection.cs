using System.Runtime.InteropServices;

namespace Covol.Ring;

/// <summary>
/// Keeps a process that serves I/O out of the ways in which the kernel's want of memory could make it wait for itself. Each part
/// is tried; nothing throws.
/// </summary>
public static class ProcessProtection
{
    /// <summary>
    /// Marks the *calling thread* and threads it creates as ones that write back memory (PR_SET_IO_FLUSHER, inherited by new
    /// threads), locks the process's memory as it is touched, and asks never to be chosen by the out-of-memory killer. Call
    /// it first
    /// thing in the process. Returns one sentence for each part that could not be had.
    /// </summary>
    public static IReadOnlyList<string> Apply()
    {
        var missing = new List<string>();
        if (Interop.Libc.Control(Interop.Libc.PR_SET_IO_FLUSHER, 1, 0, 0, 0) != 0)
        {
            missing.Add(Sentence(
                "The kernel may make this process wait for write-back that it serves itself",
                "PR_SET_IO_FLUSHER, needs CAP_SYS_RESOURCE"));
        }

        // On fault: the slots' address space is large and mostly untouched, and must not become memory all at once.
        const int whatIsTouched = Interop.Libc.MCL_CURRENT | Interop.Libc.MCL_FUTURE | Interop.Libc.MCL_ONFAULT;
        if (Interop.Libc.LockAllMemory(whatIsTouched) != 0)
        {
            missing.Add(Sentence(
                "Memory of this process may be swapped out",
                "mlockall, needs CAP_IPC_LOCK or a higher RLIMIT_MEMLOCK"));
        }

        try
        {
            File.WriteAllText("/proc/self/oom_score_adj", "-1000");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            missing.Add(
                $"The out-of-memory killer may choose this process (oom_score_adj, needs CAP_SYS_RESOURCE): {failure.Message}");
        }

        return missing;
    }

    private static string Sentence(string what, string how) => $"{what} ({how}): errno {Marshal.GetLastPInvokeError()}";
}
