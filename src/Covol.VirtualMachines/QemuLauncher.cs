using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Extensions.Logging;

namespace Covol.VirtualMachines;

/// <summary>Brings a QEMU process up and finds one again. The process does not depend on us: it has a session of its own, its
/// output
/// goes to a file, and it runs on when this process is restarted.</summary>
internal static class QemuLauncher
{
    private const int LogTailBytes = 4096;

    // The shell only redirects: each step replaces itself by the next, so the process id stays.
    private const string Redirect = "exec /usr/bin/setsid \"$@\" </dev/null >>\"$0\" 2>&1";

    /// <summary>Starts it; the descriptor is null when it died at once.</summary>
    public static ProcessDescriptor? Launch(
        VirtualMachineDefinition machine, HostSettings host, VirtualMachinePlaces places, bool incoming)
    {
        MakePlaces(machine, host, places);
        var start = new ProcessStartInfo("/bin/sh") { WorkingDirectory = "/", UseShellExecute = false };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add(Redirect);
        start.ArgumentList.Add(places.QemuLog);
        foreach (var argument in QemuCommandLine.Build(machine, host, places, incoming))
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start)
            ?? throw new VirtualMachineException($"The virtual machine {machine.Name} was not started: /bin/sh gave no process.");
        return ProcessDescriptor.TryOpen(process.Id, $"covol-vm {machine.Name}");
    }

    /// <summary>The living QEMU of these places, or null. A stale or foreign process id is none.</summary>
    public static ProcessDescriptor? Find(VirtualMachinePlaces places)
    {
        if (!File.Exists(places.ProcessIdFile)
            || !int.TryParse(File.ReadAllText(places.ProcessIdFile), NumberStyles.None | NumberStyles.AllowTrailingWhite,
                CultureInfo.InvariantCulture, out var processId))
        {
            return null;
        }

        // The descriptor first, then the look at what it is: so the number cannot change hands in between.
        var descriptor = ProcessDescriptor.TryOpen(processId, $"covol-vm {places.Name}");
        if (descriptor is null || IsOurs(processId, places))
        {
            return descriptor;
        }

        descriptor.Dispose();
        return null;
    }

    /// <summary>Takes away the sockets and files of a QEMU that is gone; its logs stay. Only while nobody starts another one there.</summary>
    public static void RemovePlaces(VirtualMachinePlaces places, ILogger log)
    {
        try
        {
            if (Directory.Exists(places.Folder))
            {
                Directory.Delete(places.Folder, recursive: true);
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // The next start makes them anew.
            VirtualMachineLog.PlacesLeft(log, places.Name, places.Folder, failure.Message);
        }
    }

    /// <summary>Where the log of QEMU's own messages ends now.</summary>
    public static long LogLength(VirtualMachinePlaces places) =>
        File.Exists(places.QemuLog) ? new FileInfo(places.QemuLog).Length : 0;

    /// <summary>What QEMU said since <paramref name="from"/>, as one line.</summary>
    public static string LogSince(VirtualMachinePlaces places, long from)
    {
        if (!File.Exists(places.QemuLog))
        {
            return "";
        }

        using var log = new FileStream(places.QemuLog, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        log.Position = Math.Max(from, log.Length - LogTailBytes);
        using var reader = new StreamReader(log, Encoding.UTF8);
        return reader.ReadToEnd().Trim().ReplaceLineEndings(" / ");
    }

    private static bool IsOurs(int processId, VirtualMachinePlaces places)
    {
        try
        {
            return File.ReadAllText($"/proc/{processId}/cmdline").Split('\0').Contains(places.ProcessIdFile);
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static void MakePlaces(VirtualMachineDefinition machine, HostSettings host, VirtualMachinePlaces places)
    {
        const UnixFileMode ownerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        const UnixFileMode traversable = ownerOnly | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
        Directory.CreateDirectory(places.LogFolder, traversable);
        Directory.CreateDirectory(places.RunFolder, traversable);
        Directory.CreateDirectory(places.Folder, ownerOnly);
        foreach (var stale in new[] { places.Monitor, places.Console, places.ProcessIdFile })
        {
            File.Delete(stale);
        }

        using (File.Open(places.ConsoleLog, FileMode.Append, FileAccess.Write, FileShare.ReadWrite))
        {
            // Exists now, so that its owner can be set.
        }

        if (host.User is { } user)
        {
            GiveTo(user, places.Folder);
            GiveTo(user, places.ConsoleLog);
            foreach (var disk in machine.Disks)
            {
                GiveTo(user, disk.Path);
            }
        }
    }

    private static void GiveTo(QemuUser user, string path)
    {
        if (Interop.Libc.Chown(path, user.UserId, user.GroupId) != 0)
        {
            throw new VirtualMachineException(
                $"{path} cannot be given to the user {user.UserId} that QEMU runs as: {Marshal.GetLastPInvokeErrorMessage()}.");
        }
    }
}
