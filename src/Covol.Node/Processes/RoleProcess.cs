using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace Covol.Node.Processes;

/// <summary>
/// One process of this node that outlives the control plane: a mount, a holder, a coordinator, etcd. A file in the run directory names
/// its id and start time, so that a restarted <c>covold node</c> finds it again and never mistakes another process for it.
/// </summary>
internal sealed class RoleProcess
{
    private const string Suffix = ".pid";

    private readonly Process _process;

    private RoleProcess(string name, Process process)
    {
        Name = name;
        _process = process;
        Id = process.Id;
        Ended = process.WaitForExitAsync();
    }

    public string Name { get; }

    public int Id { get; }

    /// <summary>Completes when the process is gone. Its I/O may still be in flight then: that is the fencer's business.</summary>
    public Task Ended { get; }

    /// <summary>Starts a program with its output appended to a log file.</summary>
    /// <exception cref="NodeException">The program could not be started.</exception>
    public static RoleProcess Start(string name, string runDirectory, string logFile, IReadOnlyList<string> command)
    {
        var start = new ProcessStartInfo("/bin/sh") { UseShellExecute = false };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add("log=$1; shift; exec \"$@\" </dev/null >>\"$log\" 2>&1");
        start.ArgumentList.Add("sh");
        start.ArgumentList.Add(logFile);
        foreach (var word in command)
        {
            start.ArgumentList.Add(word);
        }

        try
        {
            var process = Process.Start(start) ?? throw new NodeException($"{name} could not be started.");
            File.WriteAllText(FileOf(runDirectory, name), $"{process.Id} {StartTime(process.Id)}\n");
            return new RoleProcess(name, process);
        }
        catch (Win32Exception failure)
        {
            throw new NodeException($"{name} could not be started: {failure.Message}", failure);
        }
    }

    /// <summary>A process of this name that an earlier life of the control plane started and that still runs; else null.</summary>
    public static RoleProcess? Find(string name, string runDirectory)
    {
        var file = FileOf(runDirectory, name);
        if (!File.Exists(file))
        {
            return null;
        }

        var words = File.ReadAllText(file).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        if (words.Length != 2 || !int.TryParse(words[0], CultureInfo.InvariantCulture, out var id) || StartTime(id) != words[1])
        {
            return null;
        }

        try
        {
            return new RoleProcess(name, Process.GetProcessById(id));
        }
        catch (ArgumentException)
        {
            // It ended between the two looks.
            return null;
        }
    }

    /// <summary>All processes that an earlier life of the control plane, or this one, started and that still run.</summary>
    public static IReadOnlyList<RoleProcess> All(string runDirectory) =>
        [.. Directory.EnumerateFiles(runDirectory, $"*{Suffix}")
            .Select(file => Find(Path.GetFileName(file)[..^Suffix.Length], runDirectory))
            .OfType<RoleProcess>()];

    /// <summary>SIGKILL. Safe to call on one that is gone.</summary>
    public void Kill()
    {
        try
        {
            _process.Kill();
        }
        catch (InvalidOperationException)
        {
            // Gone already, which is what was wanted.
        }
    }

    private static string FileOf(string runDirectory, string name) => $"{runDirectory}/{name}{Suffix}";

    /// <summary>Field 22 of /proc/PID/stat (proc(5)): clock ticks after boot; empty when there is no such process or it is a zombie.</summary>
    private static string StartTime(int id)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{id}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return fields[0] == "Z" ? string.Empty : fields[19];
        }
        catch (IOException)
        {
            return string.Empty;
        }
    }
}
