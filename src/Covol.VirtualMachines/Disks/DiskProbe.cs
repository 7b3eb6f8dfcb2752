using System.Buffers.Binary;
using Covol.Protocol.Units;

namespace Covol.VirtualMachines.Disks;

/// <summary>What a disk file is, told from its bytes. A closed set.</summary>
public abstract record DiskProbe
{
    /// <summary>Bytes that <see cref="Of"/> wants from the start of the file (fewer if the file is shorter).</summary>
    public const int HeadBytes = 4096;

    /// <summary>Bytes that <see cref="Of"/> wants from the end of the file (fewer if the file is shorter).</summary>
    public const int TailBytes = 512;

    private const uint FixedVhdType = 2;
    private const int SectorBytes = 512;

    private DiskProbe()
    {
    }

    /// <summary>It can be used. <see cref="VirtualSize"/> is the size that the guest sees.</summary>
    public sealed record Usable(DiskFormat Format, ByteCount VirtualSize) : DiskProbe;

    /// <summary>It cannot; the sentence says why and what to do.</summary>
    public sealed record Refused(string Sentence) : DiskProbe;

    /// <summary>
    /// Tells the format. Sources: "Virtual Hard Disk Image Format Specification" (footer: cookie 'conectix', current size at 48,
    /// disk
    /// type at 60, checksum at 64, all big endian), MS-VHDX 2.2.1 ('vhdxfile'), VMDK 4 ('KDMV'), docs/interop/qcow2 of QEMU
    /// ('QFI\xfb', size at 24). Anything else is raw.
    /// </summary>
    /// <param name="fileName">As the administrator knows it, for the sentences.</param>
    /// <param name="fileSize">The length of the whole file.</param>
    /// <param name="head">The first <see cref="HeadBytes"/>.</param>
    /// <param name="tail">The last <see cref="TailBytes"/>.</param>
    public static DiskProbe Of(string fileName, ByteCount fileSize, ReadOnlySpan<byte> head, ReadOnlySpan<byte> tail)
    {
        if (fileSize.Value == 0)
        {
            return new Refused($"The disk {fileName} is empty. Create one with: covol disk create {fileName} --size 10G");
        }

        if (head.StartsWith("vhdxfile"u8))
        {
            return Convert(fileName, "a VHDX", "vhdx");
        }

        if (head.StartsWith("KDMV"u8) || head.StartsWith("COWD"u8) || head.StartsWith("# Disk DescriptorFile"u8))
        {
            return Convert(fileName, "a VMDK", "vmdk");
        }

        if (head.Length >= 32 && head.StartsWith("QFI"u8) && head[3] == 0xfb)
        {
            return Qcow2(fileName, head);
        }

        // A dynamic VHD carries a copy of its footer at the start.
        if (head.StartsWith("conectix"u8))
        {
            return Convert(fileName, "a dynamic VHD", "vpc");
        }

        if (tail.Length == TailBytes && tail.StartsWith("conectix"u8))
        {
            return Vhd(fileName, fileSize, tail);
        }

        return fileSize.Value % SectorBytes == 0
            ? new Usable(DiskFormat.Raw, fileSize)
            : new Refused(
                $"The disk {fileName} has {fileSize.Value} bytes, which is no multiple of {SectorBytes}, and no known format. "
                + $"If it is a raw image that was cut, restore it; else convert it with: {Command(fileName, "FORMAT")}");
    }

    private static DiskProbe Qcow2(string fileName, ReadOnlySpan<byte> head)
    {
        var backingOffset = BinaryPrimitives.ReadUInt64BigEndian(head[8..]);
        var size = BinaryPrimitives.ReadUInt64BigEndian(head[24..]);
        if (backingOffset != 0)
        {
            return new Refused(
                $"The disk {fileName} is a qcow2 overlay on another file. Make it whole with: {Command(fileName, "qcow2", "qcow2")}");
        }

        return size is 0 or > long.MaxValue
            ? new Refused($"The disk {fileName} is a qcow2 whose size is not plausible. Look at it with: qemu-img check {fileName}")
            : new Usable(DiskFormat.Qcow2, new ByteCount((long)size));
    }

    private static DiskProbe Vhd(string fileName, ByteCount fileSize, ReadOnlySpan<byte> footer)
    {
        var type = BinaryPrimitives.ReadUInt32BigEndian(footer[60..]);
        if (type != FixedVhdType)
        {
            return Convert(fileName, "a dynamic VHD", "vpc");
        }

        if (Checksum(footer) != BinaryPrimitives.ReadUInt32BigEndian(footer[64..]))
        {
            return new Refused(
                $"The footer of the VHD {fileName} has a wrong checksum: the file is damaged or was cut. "
                + $"Look at it with: qemu-img info -f vpc {fileName}");
        }

        // A footer may name a smaller disk than the file has room for (sizes rounded to cylinders), never a larger one.
        var named = BinaryPrimitives.ReadUInt64BigEndian(footer[48..]);
        var room = fileSize.Value - TailBytes;
        return named == 0 || named > (ulong)room || named % SectorBytes != 0
            ? new Refused(
                $"The footer of the VHD {fileName} names {named} bytes, but the file has room for {room}: it is damaged or was cut.")
            : new Usable(DiskFormat.FixedVhd, new ByteCount((long)named));
    }

    private static uint Checksum(ReadOnlySpan<byte> footer)
    {
        uint sum = 0;
        for (var at = 0; at < footer.Length; at++)
        {
            sum += at is >= 64 and < 68 ? 0u : footer[at];
        }

        return ~sum;
    }

    private static Refused Convert(string fileName, string what, string format) => new(
        $"The disk {fileName} is {what}, which QEMU cannot live migrate. Convert it with: covol disk convert {fileName} "
        + $"{Target(fileName)} (or: {Command(fileName, format)})");

    private static string Command(string fileName, string format, string to = "vpc") => to == "vpc"
        ? $"qemu-img convert -f {format} -O vpc -o subformat=fixed,force_size=on {fileName} {Target(fileName)}"
        : $"qemu-img convert -f {format} -O {to} {fileName} {Path.ChangeExtension(fileName, null)}-whole.qcow2";

    private static string Target(string fileName) => $"{Path.ChangeExtension(fileName, null)}-fixed.vhd";
}
