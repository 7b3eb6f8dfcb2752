using Covol.Lun;
using Covol.Protocol.Units;
using Shouldly;

namespace Covol.IntegrationTests.Ntfs;

/// <summary>A sparse file as a LUN, without direct I/O: the programs read it through the page cache.</summary>
internal sealed class ImageDevice : IBlockDevice
{
    private readonly Microsoft.Win32.SafeHandles.SafeFileHandle _file;

    /// <summary>Makes a new image.</summary>
    public ImageDevice(string path, ByteCount size, int block)
        : this(File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite), size, block) => RandomAccess.SetLength(_file, size.Value);

    private ImageDevice(Microsoft.Win32.SafeHandles.SafeFileHandle file, ByteCount size, int block) =>
        (_file, Size, BlockSize) = (file, size, block);

    /// <summary>Opens one that is there.</summary>
    public static ImageDevice Open(string path)
    {
        var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        return new ImageDevice(file, new ByteCount(RandomAccess.GetLength(file)), 512);
    }

    public ByteCount Size { get; }

    public int BlockSize { get; }

    public void Read(LunByteOffset from, Span<byte> target) => RandomAccess.Read(_file, target, from.Value).ShouldBe(target.Length);

    public void Write(LunByteOffset at, ReadOnlySpan<byte> source) => RandomAccess.Write(_file, source, at.Value);

    public void Flush() => RandomAccess.FlushToDisk(_file);

    public void WriteZeroes(LunByteOffset at, ByteCount length) => Write(at, new byte[length.Value]);

    public void Discard(LunByteOffset at, ByteCount length)
    {
    }

    public void Dispose() => _file.Dispose();
}
