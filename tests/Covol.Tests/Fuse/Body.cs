using System.Buffers.Binary;
using System.Text;

namespace Covol.Tests.Fuse;

/// <summary>Bytes of request bodies, little endian.</summary>
internal static class Body
{
    internal static byte[] U64(params ulong[] values)
    {
        var bytes = new byte[values.Length * 8];
        for (var n = 0; n < values.Length; n++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(n * 8), values[n]);
        }

        return bytes;
    }

    internal static byte[] U32(params uint[] values)
    {
        var bytes = new byte[values.Length * 4];
        for (var n = 0; n < values.Length; n++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(n * 4), values[n]);
        }

        return bytes;
    }

    /// <summary>A name with its closing zero.</summary>
    internal static byte[] Name(string name) => [.. Encoding.UTF8.GetBytes(name), 0];

    internal static byte[] Read(ulong handle, ulong offset, uint size, uint flags = 0) =>
        [.. U64(handle, offset), .. U32(size, 0), .. U64(0), .. U32(flags, 0)];

    internal static byte[] Write(ulong handle, ulong offset, byte[] data) =>
        [.. U64(handle, offset), .. U32((uint)data.Length, 0), .. U64(0), .. U32(0x4000, 0), .. data];

    internal static byte[] Lock(ulong handle, ulong owner, ulong start, ulong end, uint kind, uint flags = 0) =>
        [.. U64(handle, owner, start, end), .. U32(kind, 77, flags, 0)];

    internal static string Hex(byte[] bytes) => Convert.ToHexStringLower(bytes);
}
