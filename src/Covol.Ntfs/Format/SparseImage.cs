using System.Runtime.InteropServices;
using Covol.Lun;
using Covol.Protocol.Journal;
using Covol.Protocol.Units;
using Microsoft.Win32.SafeHandles;

namespace Covol.Ntfs.Format;

/// <summary>A temporary sparse file as a device, on which a volume is made before its data goes to the LUN. Deleted when
/// disposed.</summary>
internal sealed class SparseImage : IBlockDevice
{
    private readonly SafeFileHandle _file;

    public SparseImage(string folder, ByteCount size)
    {
        Path = System.IO.Path.Combine(folder, $"covol-format-{Environment.ProcessId}-{System.IO.Path.GetRandomFileName()}");
        _file = File.OpenHandle(Path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite);
        RandomAccess.SetLength(_file, size.Value);
        Size = size;
    }

    public string Path { get; }

    public ByteCount Size { get; }

    public int BlockSize => JournalFormat.SectorSize;

    public void Read(LunByteOffset from, Span<byte> target)
    {
        while (target.Length > 0)
        {
            var read = RandomAccess.Read(_file, target, from.Value);
            if (read == 0)
            {
                throw new LunException(LunError.OutOfRange, $"The image ends before {from}.");
            }

            target = target[read..];
            from += new ByteCount(read);
        }
    }

    public void Write(LunByteOffset at, ReadOnlySpan<byte> source) => RandomAccess.Write(_file, source, at.Value);

    public void Flush()
    {
        // Nobody needs the image after a crash.
    }

    /// <summary>Only called for what was never written.</summary>
    public void WriteZeroes(LunByteOffset at, ByteCount length)
    {
        var zeroes = new byte[1 << 20];
        for (var done = 0L; done < length.Value; done += zeroes.Length)
        {
            Write(at + new ByteCount(done), zeroes.AsSpan(0, (int)Math.Min(zeroes.Length, length.Value - done)));
        }
    }

    public void Discard(LunByteOffset at, ByteCount length)
    {
        // A temporary file gives its space back when it is deleted.
    }

    /// <summary>The ranges that were written, page-aligned, in order.</summary>
    public IEnumerable<(long Start, long End)> DataRanges()
    {
        var end = 0L;
        while (end < Size.Value)
        {
            var start = Interop.LibC.lseek(_file, end, Interop.LibC.SEEK_DATA);
            if (start < 0)
            {
                yield break;
            }

            var hole = Interop.LibC.lseek(_file, start, Interop.LibC.SEEK_HOLE);
            if (hole < 0)
            {
                throw new IOException($"The image's holes cannot be found: {Marshal.GetLastPInvokeErrorMessage()}.");
            }

            start = Math.Max(end, JournalFormat.RoundDown(start));
            end = Math.Min(Size.Value, JournalFormat.RoundUp(hole));
            yield return (start, end);
        }
    }

    public void Dispose()
    {
        _file.Dispose();
        File.Delete(Path);
    }
}
