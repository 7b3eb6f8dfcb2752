using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace Covol.Lab;

/// <summary>
/// Finds a lab's processes by a variable in their environment, which every process of a node inherits from its node daemon. So it
/// also finds those whose parent is dead, and never one that the lab did not start.
/// </summary>
internal static class LabProcesses
{
    /// <summary>Holds the node's folder.</summary>
    public const string Marker = "COVOL_NODE_DIRECTORY";

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

            if (ReadList($"{folder}/environ").Contains(wanted) && !IsZombie(folder))
            {
                found.Add((id, string.Join(' ', ReadList($"{folder}/cmdline"))));
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

    private static bool IsZombie(string folder)
    {
        try
        {
            var stat = File.ReadAllText($"{folder}/stat");
            return stat[(stat.LastIndexOf(')') + 2)..].StartsWith('Z');
        }
        catch (IOException)
        {
            return true;
        }
    }
}
