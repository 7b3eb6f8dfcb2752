using System.Globalization;
using System.Text;

namespace Covol.Lab.Guest;

/// <summary>
/// Writes a cpio archive in the "newc" form that the kernel unpacks as its first root file system (Linux,
/// Documentation/driver-api/early-userspace/buffer-format.rst). Everything belongs to root and has no time, so the same content
/// gives the same bytes.
/// </summary>
internal sealed class Initramfs(Stream target)
{
    private const uint FolderMode = 0x41ed; // 040755
    private const uint ProgramMode = 0x81ed; // 0100755
    private const uint LinkMode = 0xa1ff; // 0120777

    private long _written;
    private uint _inode;

    public void Folder(string name) => Entry(name, FolderMode, []);

    public void Program(string name, ReadOnlySpan<byte> content) => Entry(name, ProgramMode, content);

    public void Link(string name, string pointsTo) => Entry(name, LinkMode, Encoding.UTF8.GetBytes(pointsTo));

    /// <summary>The closing entry; nothing may follow.</summary>
    public void End() => Entry("TRAILER!!!", 0, []);

    private void Entry(string name, uint mode, ReadOnlySpan<byte> content)
    {
        var path = Encoding.UTF8.GetBytes(name + "\0");
        var header = new StringBuilder("070701");
        uint[] fields =
        [
            ++_inode, mode, 0, 0, 1, 0, checked((uint)content.Length), 0, 0, 0, 0, (uint)path.Length, 0,
        ];
        foreach (var field in fields)
        {
            header.Append(field.ToString("x8", CultureInfo.InvariantCulture));
        }

        Write(Encoding.ASCII.GetBytes(header.ToString()));
        Write(path);
        Pad();
        Write(content);
        Pad();
    }

    private void Write(ReadOnlySpan<byte> bytes)
    {
        target.Write(bytes);
        _written += bytes.Length;
    }

    private void Pad()
    {
        while (_written % 4 != 0)
        {
            Write([0]);
        }
    }
}
