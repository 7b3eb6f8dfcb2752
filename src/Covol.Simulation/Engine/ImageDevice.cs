using Covol.Lun;
using Covol.Protocol.Units;
using Covol.Simulation.Disk;

namespace Covol.Simulation.Engine;

/// <summary>A LUN's bytes, outside of any world's time.</summary>
internal sealed class ImageDevice(byte[] bytes) : IBlockDevice
{
    public ByteCount Size => new(bytes.Length);

    public int BlockSize => SimLun.BlockSize;

    public void Read(LunByteOffset from, Span<byte> target) => bytes.AsSpan((int)from.Value, target.Length).CopyTo(target);

    public void Write(LunByteOffset at, ReadOnlySpan<byte> source) => source.CopyTo(bytes.AsSpan((int)at.Value));

    public void Flush()
    {
        // Memory is as stable as it gets here.
    }

    public void WriteZeroes(LunByteOffset at, ByteCount length) => bytes.AsSpan((int)at.Value, (int)length.Value).Clear();

    public void Discard(LunByteOffset at, ByteCount length) => WriteZeroes(at, length);

    public void Dispose()
    {
        // The bytes belong to whoever gave them.
    }
}
