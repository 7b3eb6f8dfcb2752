using Covol.Protocol.Units;
using Microsoft.Win32.SafeHandles;

namespace Covol.VirtualMachines.Disks;

/// <summary>A disk file of a virtual machine, as it is given to QEMU: an absolute path on the node that runs it.</summary>
public sealed record DiskImage(string Path, DiskFormat Format, ByteCount VirtualSize)
{
    /// <summary>
    /// Reads what the file at <paramref name="path"/> is (blocking I/O of a few blocks). Expected outcomes are values: a missing
    /// file
    /// is refused, too.
    /// </summary>
    public static DiskProbe Probe(string path)
    {
        try
        {
            using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            var size = RandomAccess.GetLength(file);
            var head = Read(file, 0, (int)Math.Min(size, DiskProbe.HeadBytes));
            var tail = Read(file, Math.Max(0, size - DiskProbe.TailBytes), (int)Math.Min(size, DiskProbe.TailBytes));
            return DiskProbe.Of(path, new ByteCount(size), head, tail);
        }
        catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException)
        {
            return new DiskProbe.Refused(
                $"The disk {path} does not exist. Create it with: covol disk create {path} --size 10G");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return new DiskProbe.Refused($"The disk {path} cannot be read: {failure.Message}");
        }
    }

    private static byte[] Read(SafeFileHandle file, long at, int count)
    {
        var bytes = new byte[count];
        var done = 0;
        while (done < count)
        {
            var read = RandomAccess.Read(file, bytes.AsSpan(done), at + done);
            if (read == 0)
            {
                throw new EndOfStreamException("it became shorter while it was looked at.");
            }

            done += read;
        }

        return bytes;
    }
}
