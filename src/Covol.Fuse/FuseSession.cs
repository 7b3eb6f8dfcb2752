using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Covol.Fuse;

/// <summary>
/// A mount and the descriptor it is served through. Closing the last copy of the descriptor ends the connection (programs get
/// ENOTCONN), so whoever shall outlive a server keeps one.
/// </summary>
public sealed class FuseSession : IDisposable
{
    private const int UnmountTriesMax = 20;
    private static readonly TimeSpan s_betweenTries = TimeSpan.FromMilliseconds(50);

    private FuseSession(SafeFileHandle descriptor, string path, int connection)
    {
        Descriptor = descriptor;
        Path = path;
        Connection = connection;
    }

    /// <summary>Owned by this object; uncloned and non-blocking.</summary>
    public SafeFileHandle Descriptor { get; }

    public string Path { get; }

    /// <summary>Number of the connection under /sys/fs/fuse/connections.</summary>
    public int Connection { get; }

    /// <summary>
    /// Opens /dev/fuse and mounts. The first access waits until a server serves. Failure is a <see cref="FuseException"/>.
    /// </summary>
    public static FuseSession Mount(FuseMountOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var path = System.IO.Path.GetFullPath(options.Path);
        var device = FuseDevice.Open();
        try
        {
            // Permissions are the kernel's to check (default_permissions), and every user may look (allow_other).
            var text = string.Create(
                CultureInfo.InvariantCulture,
                $"fd={device.DangerousGetHandle()},rootmode=40000,user_id=0,group_id=0,max_read={options.ReadMax}")
                + ",default_permissions,allow_other";
            var flags = Interop.Libc.MS_NOSUID | Interop.Libc.MS_NODEV | (options.ReadOnly ? Interop.Libc.MS_RDONLY : 0);
            if (Interop.Libc.Mount(options.Source, path, $"fuse.{options.Subtype}", flags, text) != 0)
            {
                throw new FuseException($"{path} could not be mounted", Marshal.GetLastPInvokeError());
            }

            return new FuseSession(device, path, FuseConnection.Find(path));
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Ends a mount: unmounts, with more tries while it is busy, and at last takes it out of sight (programs that still use
    /// it keep
    /// their connection). False: it was taken out of sight only.
    /// </summary>
    public static async Task<bool> UnmountAsync(string path, TimeProvider time, CancellationToken cancellation)
    {
        for (var tried = 0; tried < UnmountTriesMax; tried++)
        {
            if (Interop.Libc.Unmount(path, 0) == 0)
            {
                return true;
            }

            var errno = Marshal.GetLastPInvokeError();
            if (errno == Interop.Libc.EINVAL)
            {
                // Not a mount (any more): what was asked for is the case.
                return true;
            }

            if (errno != Interop.Libc.EBUSY)
            {
                throw new FuseException($"{path} could not be unmounted", errno);
            }

            await Task.Delay(s_betweenTries, time, cancellation).ConfigureAwait(false);
        }

        if (Interop.Libc.Unmount(path, Interop.Libc.MNT_DETACH) != 0)
        {
            throw new FuseException($"{path} could not be unmounted", Marshal.GetLastPInvokeError());
        }

        return false;
    }

    /// <summary>Closes this copy of the descriptor. It does not unmount.</summary>
    public void Dispose() => Descriptor.Dispose();
}
