using System.Runtime.InteropServices;
using System.Text.Json;
using Covol.Cli.Commands;
using Covol.Cli.Contracts;

namespace Covol.Cli.Disks;

/// <summary>Says what a disk file is: fixed VHDs by their footer, everything else as <c>qemu-img info</c> says.</summary>
internal static class DiskFile
{
    private const int SectorBytes = 512;

    public static async Task<DiskView> DescribeAsync(string path, CancellationToken cancellation)
    {
        CheckThere(path);

        // A running machine holds the image's lock; to look at it takes none.
        using var info = JsonDocument.Parse(
            await QemuImg.ReadAsync(["info", "--output=json", "--force-share", path], cancellation));
        var root = info.RootElement;
        var format = root.GetProperty("format").GetString() ?? "unknown";
        var virtualBytes = root.GetProperty("virtual-size").GetInt64();
        var allocated = root.TryGetProperty("actual-size", out var actual) ? actual.GetInt64() : 0;
        if (FixedVhd.GuestBytes(path) is { } guestBytes)
        {
            (format, virtualBytes) = ("vhd", guestBytes);
        }

        var reason = WhyNot(path, format, virtualBytes, root.TryGetProperty("backing-filename", out _));
        return new DiskView(path, format, virtualBytes, allocated, reason.Length == 0, reason);
    }

    /// <summary>All of the file gets its room, so that no write into it finds its volume full.</summary>
    public static void Allocate(string path)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        var errno = Interop.Libc.PosixAllocate(file, 0, RandomAccess.GetLength(file));
        if (errno != 0)
        {
            throw new CommandException($"The disk {path} gets no room: {Marshal.GetPInvokeErrorMessage(errno)}. Free some, or make it smaller.");
        }
    }

    /// <summary>How <c>qemu-img</c> is told what the source of a copy is.</summary>
    public static string[] AsSource(string path)
    {
        CheckThere(path);

        // Raw and cut before the footer. A comma in a file's name is written twice (qemu(1), -blockdev).
        return FixedVhd.GuestBytes(path) is { } guestBytes
            ? ["--image-opts", $"driver=raw,size={guestBytes},file.driver=file,file.filename={path.Replace(",", ",,", StringComparison.Ordinal)}"]
            : [path];
    }

    private static void CheckThere(string path)
    {
        if (!File.Exists(path))
        {
            throw new CommandException($"The disk {path} does not exist.");
        }
    }

    private static string WhyNot(string path, string format, long virtualBytes, bool backed) => format switch
    {
        "qcow2" when backed => $"it needs another file below it; make it whole with: covol disk convert {path} {path}.vhd",
        "vhd" or "qcow2" => "",
        "raw" when virtualBytes == 0 => $"it is empty; remove it and make one with: covol disk create {path} --size 10G",
        "raw" when virtualBytes % SectorBytes != 0 => $"its size is no multiple of {SectorBytes} bytes",
        "raw" => "",
        _ => $"no virtual machine here takes this format; convert it with: covol disk convert {path} {path}.vhd",
    };
}
