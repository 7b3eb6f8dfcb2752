using System.Diagnostics;

namespace Covol.Lab;

/// <summary>What must be so before a lab may change anything. Each refusal is one sentence; nothing has been done yet.</summary>
public static class LabRequirements
{
    /// <summary>Major 10 and minor 229, as stat(1) prints them (Documentation/admin-guide/devices.txt of the kernel).</summary>
    private const string FuseDevice = "a:e5";

    private static readonly string[] s_folders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

    /// <summary>Labs mount, kill and make system files.</summary>
    public static void Root()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            throw new LabException("A lab mounts file systems and starts daemons: run covol as root.");
        }
    }

    /// <summary>What the nodes of any lab need of the machine.</summary>
    public static void Machine()
    {
        Root();
        Fuse();
        if (!IsExecutable("/usr/bin/etcd"))
        {
            throw new LabException("etcd is not installed (/usr/bin/etcd): 'apt-get install etcd-server'.");
        }

        Program("mkntfs", "ntfs-3g");
    }

    /// <summary>Everything that a new lab needs of the machine and of its folder.</summary>
    public static void ForNewLab(LabDirectory directory)
    {
        Machine();
        if (directory.Exists)
        {
            throw new LabException($"There is a lab in {directory.Path} already. 'covol lab status' shows it, 'covol lab down' ends it.");
        }

        if (File.Exists(directory.Path))
        {
            throw new LabException($"{directory.Path} is a file. Choose another --dir.");
        }

        if (Directory.Exists(directory.Path) && Directory.EnumerateFileSystemEntries(directory.Path).Any())
        {
            throw new LabException($"The folder {directory.Path} is not empty and holds no lab. Choose another --dir.");
        }
    }

    /// <summary>A program that a command starts itself.</summary>
    public static void Program(string name, string package)
    {
        if (!Has(name))
        {
            throw new LabException($"The program {name} is not installed: 'apt-get install {package}'.");
        }
    }

    public static bool Has(string name) => s_folders.Any(folder => IsExecutable($"{folder}/{name}"));

    private static void Fuse()
    {
        if (!File.Exists("/dev/fuse"))
        {
            throw new LabException("This machine has no /dev/fuse: load the kernel's fuse module ('modprobe fuse').");
        }

        using var stat = Process.Start(new ProcessStartInfo("/usr/bin/stat", ["-L", "-c", "%t:%T", "/dev/fuse"]) { RedirectStandardOutput = true })
            ?? throw new LabException("stat could not be started, so nobody knows what /dev/fuse is.");
        var device = stat.StandardOutput.ReadToEnd().Trim();
        stat.WaitForExit();
        if (device != FuseDevice)
        {
            throw new LabException(
                "/dev/fuse is there but is not the FUSE device (character device 10:229): a container may hide it; give it the real one.");
        }
    }

    private static bool IsExecutable(string path) =>
        File.Exists(path) && (File.GetUnixFileMode(path) & UnixFileMode.OtherExecute) != 0;
}
