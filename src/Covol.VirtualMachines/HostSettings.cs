using System.Diagnostics;
using System.Globalization;

namespace Covol.VirtualMachines;

/// <summary>How a guest's processor is run.</summary>
public enum Acceleration
{
    /// <summary>By the processor itself (/dev/kvm).</summary>
    Kvm,

    /// <summary>By QEMU's translator, one thread for all virtual processors: slow, but there everywhere.</summary>
    Tcg,
}

/// <summary>How QEMU submits I/O of disks to the host.</summary>
public enum DiskSubmission
{
    Threads,
    IoUring,
}

/// <summary>The system user QEMU runs as, and its group.</summary>
public sealed record QemuUser(int UserId, int GroupId)
{
    /// <summary>The group that /dev/kvm belongs to on this machine, the only other one that QEMU keeps; null: there is none.</summary>
    public int? KvmGroup { get; init; }

    /// <summary>What a program is put behind to run as this user.</summary>
    public IReadOnlyList<string> Switch =>
    [
        "/usr/bin/setpriv", $"--reuid={Number(UserId)}", $"--regid={Number(GroupId)}",
        KvmGroup is { } kvm ? $"--groups={Number(kvm)}" : "--clear-groups", "--no-new-privs",
    ];

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}

/// <summary>What is set per host, not per virtual machine.</summary>
/// <param name="Qemu">The program.</param>
/// <param name="Acceleration">The same on both ends of a migration.</param>
/// <param name="Submission">Threads work on every file system.</param>
/// <param name="RunFolder">Sockets, process-id files; one folder a virtual machine below it. Its path must be short: a Unix
/// socket's path has at most 107 bytes.</param>
/// <param name="LogFolder">Console and QEMU messages, one pair of files a virtual machine.</param>
/// <param name="User">Null: QEMU runs as the user of this process.</param>
public sealed record HostSettings(
    string Qemu, Acceleration Acceleration, DiskSubmission Submission, string RunFolder, string LogFolder, QemuUser? User)
{
    public const string DefaultQemu = "/usr/bin/qemu-system-x86_64";
    public const string DefaultUser = "covol-vm";

    /// <summary>
    /// What this machine offers: KVM where QEMU can open it as the user that it runs as, the user <paramref name="userName"/> where it exists
    /// and we are root.
    /// </summary>
    public static HostSettings Detect(string runFolder, string logFolder, string userName = DefaultUser)
    {
        var user = Environment.IsPrivilegedProcess ? FindUser(File.ReadLines("/etc/passwd"), userName) : null;
        if (user is not null && File.Exists("/etc/group"))
        {
            user = user with { KvmGroup = FindGroup(File.ReadLines("/etc/group"), "kvm") };
        }

        var acceleration = CanUseKvm(user) ? Acceleration.Kvm : Acceleration.Tcg;
        return new HostSettings(DefaultQemu, acceleration, DiskSubmission.Threads, runFolder, logFolder, user);
    }

    /// <summary>The user's numbers from the lines of passwd(5), or null.</summary>
    public static QemuUser? FindUser(IEnumerable<string> passwd, string userName)
    {
        foreach (var line in passwd)
        {
            var fields = line.Split(':');
            if (fields.Length >= 4 && fields[0] == userName
                && int.TryParse(fields[2], out var userId) && int.TryParse(fields[3], out var groupId))
            {
                return new QemuUser(userId, groupId);
            }
        }

        return null;
    }

    /// <summary>The group's number from the lines of group(5), or null.</summary>
    public static int? FindGroup(IEnumerable<string> group, string name)
    {
        foreach (var line in group)
        {
            var fields = line.Split(':');
            if (fields.Length >= 3 && fields[0] == name && int.TryParse(fields[2], out var number))
            {
                return number;
            }
        }

        return null;
    }

    /// <summary>Whether a device can be read and written by QEMU's user, tried as that user: root may open what QEMU may not.</summary>
    public static bool CanOpen(QemuUser user, string device)
    {
        var start = new ProcessStartInfo(user.Switch[0], [.. user.Switch.Skip(1), "/usr/bin/test", "-r", device, "-a", "-w", device])
        {
            RedirectStandardError = true,
        };
        using var test = Process.Start(start) ?? throw new InvalidOperationException($"{start.FileName} was not started.");
        test.WaitForExit();
        return test.ExitCode == 0;
    }

    private static bool CanUseKvm(QemuUser? user)
    {
        try
        {
            if (user is not null)
            {
                return File.Exists("/dev/kvm") && CanOpen(user, "/dev/kvm");
            }

            using var device = File.OpenHandle("/dev/kvm", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            return true;
        }
        catch (Exception missing) when (missing is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
