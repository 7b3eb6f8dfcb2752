using System.Buffers.Binary;

namespace Covol.Cli.Disks;

/// <summary>
/// The footer of a fixed VHD: the last 512 bytes of the file ("Virtual Hard Disk Image Format Specification": cookie 'conectix', current
/// size at 48, disk type at 60, big endian). qemu-img takes such a file for raw and would count the footer as the guest's data.
/// </summary>
internal static class FixedVhd
{
    private const int FooterBytes = 512;
    private const int SizeAt = 48;
    private const int TypeAt = 60;
    private const uint Fixed = 2;

    /// <summary>The bytes the guest sees; null when the file is something else.</summary>
    public static long? GuestBytes(string path)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var footer = new byte[FooterBytes];
        var at = RandomAccess.GetLength(file) - FooterBytes;
        if (at < 0 || RandomAccess.Read(file, footer, at) != FooterBytes || !footer.AsSpan().StartsWith("conectix"u8)
            || BinaryPrimitives.ReadUInt32BigEndian(footer.AsSpan(TypeAt)) != Fixed)
        {
            return null;
        }

        var size = BinaryPrimitives.ReadInt64BigEndian(footer.AsSpan(SizeAt));
        return size > 0 && size <= at ? size : null;
    }
}
