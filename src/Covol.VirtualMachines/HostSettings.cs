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
public sealed record QemuUser(int UserId, int GroupId);

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

    /// <summary>What this machine offers: KVM where it can be opened, the user <paramref name="userName"/> where it exists and
    /// we are root.</summary>
    public static HostSettings Detect(string runFolder, string logFolder, string userName = DefaultUser)
    {
        var acceleration = CanUseKvm() ? Acceleration.Kvm : Acceleration.Tcg;
        var user = Environment.IsPrivilegedProcess ? FindUser(File.ReadLines("/etc/passwd"), userName) : null;
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

    private static bool CanUseKvm()
    {
        try
        {
            using var device = File.OpenHandle("/dev/kvm", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            return true;
        }
        catch (Exception missing) when (missing is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
