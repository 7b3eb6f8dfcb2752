using Covol.Lun;
using Covol.Protocol.Units;

namespace Covol.Tests.Ntfs.Support;

/// <summary>A device whose smallest unit is 4096 bytes: anything less, or between, is refused.</summary>
internal sealed class LargeBlockDevice(IBlockDevice below) : IBlockDevice
{
    public ByteCount Size => below.Size;

    public int BlockSize => 4096;

    public void Read(LunByteOffset from, Span<byte> target)
    {
        Check(from, target.Length);
        below.Read(from, target);
    }

    public void Write(LunByteOffset at, ReadOnlySpan<byte> source)
    {
        Check(at, source.Length);
        below.Write(at, source);
    }

    public void Flush() => below.Flush();

    public void WriteZeroes(LunByteOffset at, ByteCount length)
    {
        Check(at, length.Value);
        below.WriteZeroes(at, length);
    }

    public void Discard(LunByteOffset at, ByteCount length) => below.Discard(at, length);

    public void Dispose() => below.Dispose();

    private void Check(LunByteOffset at, long length)
    {
        if (at.Value % BlockSize != 0 || length % BlockSize != 0)
        {
            throw new ArgumentException($"{length} bytes at {at} are not whole blocks of {BlockSize}.");
        }
    }
}
