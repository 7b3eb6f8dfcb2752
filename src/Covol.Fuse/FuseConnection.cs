using System.Globalization;
using System.Runtime.InteropServices;

namespace Covol.Fuse;

/// <summary>A mount's connection as the kernel's fusectl shows it: the way to end one whose server hangs.</summary>
public static class FuseConnection
{
    private const string Connections = "/sys/fs/fuse/connections";

    /// <summary>Number of the connection of the topmost mount on this path, found without touching the mount.</summary>
    public static int Find(string path)
    {
        // Fields: mount id, parent id, major:minor, root, mount point (blanks as \040), ...
        var shown = path.Replace("\\", "\\134", StringComparison.Ordinal).Replace(" ", "\\040", StringComparison.Ordinal);
        var last = File.ReadLines("/proc/self/mountinfo")
            .Select(line => line.Split(' '))
            .LastOrDefault(fields => fields.Length > 4 && fields[4] == shown)
            ?? throw new FuseException($"{path} is not among the mounts.");
        return int.Parse(last[2].AsSpan(last[2].IndexOf(':') + 1), CultureInfo.InvariantCulture);
    }

    /// <summary>
    /// Ends a connection: every request, waiting or in flight, fails, and all that follow. For a mount that hangs; programs see
    /// errors.
    /// </summary>
    public static void Abort(int connection)
    {
        if (!File.Exists($"{Connections}/{connection}/abort")
            && Interop.Libc.Mount("fusectl", Connections, "fusectl", 0, "") != 0
            && Marshal.GetLastPInvokeError() != Interop.Libc.EBUSY)
        {
            throw new FuseException($"{Connections} could not be mounted", Marshal.GetLastPInvokeError());
        }

        try
        {
            File.WriteAllText($"{Connections}/{connection}/abort", "1");
        }
        catch (FileNotFoundException)
        {
            // The connection has ended already.
        }
        catch (DirectoryNotFoundException)
        {
            // The connection has ended already.
        }
    }
}
