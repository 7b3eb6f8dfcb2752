using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Covol.Lab;

/// <summary>
/// Finds a lab's processes by a variable in their environment, which every process of a node inherits from its node daemon. So it
/// also finds those whose parent is dead, and never one that the lab did not start.
/// </summary>
public static class LabProcesses
{
    /// <summary>Holds the node's folder.</summary>
    public const string Marker = "COVOL_NODE_DIRECTORY";

    /// <summary>PF_KTHREAD of linux/sched.h.</summary>
    private const uint KernelThread = 0x0020_0000;

    /// <summary>A program may really have no environment; one whose exec came between our two reads has one at the next look.</summary>
    private const int EmptyLooks = 3;

    private static readonly TimeSpan s_execLimit = TimeSpan.FromMilliseconds(200);

    /// <summary>Ids and command lines of a node's processes.</summary>
    public static IReadOnlyList<(int Id, string Command)> Of(string nodeFolder)
    {
        var wanted = $"{Marker}={nodeFolder}";
        var found = new List<(int, string)>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), out var id))
            {
                continue;
            }

            var (variables, command) = Look(folder);
            if (variables.Contains(wanted))
            {
                found.Add((id, string.Join(' ', command)));
            }
        }

        return found;
    }

    /// <summary>Sends a signal to one process. False: it was gone already.</summary>
    public static bool Signal(int id, int signal)
    {
        if (Interop.Libc.Kill(id, signal) == 0)
        {
            return true;
        }

        var error = System.Runtime.InteropServices.Marshal.GetLastPInvokeError();
        return error == Interop.Libc.NoSuchProcess ? false : throw new Win32Exception(error);
    }

    /// <summary>Starts a program in a session of its own, its output appended to a log file, so that it outlives this process.</summary>
    public static void StartDetached(string logFile, string nodeFolder, IReadOnlyList<string> command)
    {
        var start = new ProcessStartInfo("/usr/bin/setsid") { UseShellExecute = false };
        start.ArgumentList.Add("--fork");
        start.ArgumentList.Add("/bin/sh");
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add("log=$1; shift; exec \"$@\" </dev/null >>\"$log\" 2>&1");
        start.ArgumentList.Add("sh");
        start.ArgumentList.Add(logFile);
        foreach (var word in command)
        {
            start.ArgumentList.Add(word);
        }

        start.Environment[Marker] = nodeFolder;
        using var process = Process.Start(start) ?? throw new LabException($"Could not start {command[0]}.");
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new LabException($"Could not start {command[0]}: setsid ended with status {process.ExitCode}.");
        }
    }

    /// <summary>
    /// A process's environment and command line; none of one that is dead or the kernel's own. In the middle of its exec a process shows
    /// neither: then this looks again, or a node that was just started would not be there.
    /// </summary>
    private static (string[] Variables, string[] Command) Look(string folder)
    {
        string[] variables = [], command = [];
        var withoutVariables = 0;
        SpinWait.SpinUntil(
            () =>
            {
                command = ReadList($"{folder}/cmdline");
                variables = ReadList($"{folder}/environ");
                var (state, flags) = Stat(folder);
                return (command.Length > 0 && (variables.Length > 0 || ++withoutVariables == EmptyLooks))
                    || state is 'Z' or 'X' || (flags & KernelThread) != 0;
            },
            s_execLimit);
        return (variables, command);
    }

    private static string[] ReadList(string path)
    {
        try
        {
            return Encoding.UTF8.GetString(File.ReadAllBytes(path)).Split('\0', StringSplitOptions.RemoveEmptyEntries);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // The process ended while we looked, or is not ours to look at: not one of the lab's.
            return [];
        }
    }

    /// <summary>State and flags of proc(5)'s stat, its third and ninth field; 'X' of a process that is gone.</summary>
    private static (char State, uint Flags) Stat(string folder)
    {
        try
        {
            var stat = File.ReadAllText($"{folder}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return (fields[0][0], uint.Parse(fields[6], CultureInfo.InvariantCulture));
        }
        catch (IOException)
        {
            return ('X', 0);
        }
    }
}
