using System.Buffers.Binary;

namespace Covol.Fuse.Wire;

/// <summary>struct fuse_statx_out (32 bytes) and struct fuse_statx (256 bytes, laid out like struct statx).</summary>
internal static class ExtendedStatusReply
{
    private const int Head = 32;
    private const int StatusLength = 256;
    private const uint BasicAndBirth = 0x7FF | 0x800;

    internal static int Write(Span<byte> target, in FuseAttributes from, long birthSeconds, uint birthNanoseconds, TimeSpan valid)
    {
        target[..(Head + StatusLength)].Clear();
        BinaryPrimitives.WriteInt64LittleEndian(target, valid.Ticks / TimeSpan.TicksPerSecond);
        Put(target, 8, (uint)(valid.Ticks % TimeSpan.TicksPerSecond * TimeSpan.NanosecondsPerTick));

        var status = target[Head..];
        Put(status, 0, BasicAndBirth);
        Put(status, 4, from.BlockSize);
        Put(status, 16, from.Links);
        Put(status, 20, from.UserId);
        Put(status, 24, from.GroupId);
        BinaryPrimitives.WriteUInt16LittleEndian(status[28..], (ushort)from.Mode);
        BinaryPrimitives.WriteUInt64LittleEndian(status[32..], from.Inode);
        BinaryPrimitives.WriteUInt64LittleEndian(status[40..], from.Size);
        BinaryPrimitives.WriteUInt64LittleEndian(status[48..], from.Blocks);
        PutTime(status, 64, from.AccessSeconds, from.AccessNanoseconds);
        PutTime(status, 80, birthSeconds, birthNanoseconds);
        PutTime(status, 96, from.ChangeSeconds, from.ChangeNanoseconds);
        PutTime(status, 112, from.ModifySeconds, from.ModifyNanoseconds);
        Put(status, 128, (from.Device >> 8) & 0xFFF);
        Put(status, 132, (from.Device & 0xFF) | ((from.Device >> 12) & 0xFFF00));
        return Head + StatusLength;
    }

    private static void Put(Span<byte> target, int at, uint value) =>
        BinaryPrimitives.WriteUInt32LittleEndian(target[at..], value);

    private static void PutTime(Span<byte> target, int at, long seconds, uint nanoseconds)
    {
        BinaryPrimitives.WriteInt64LittleEndian(target[at..], seconds);
        Put(target, at + 8, nanoseconds);
    }
}
