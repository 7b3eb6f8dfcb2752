namespace Covol.Ntfs;

/// <summary>What an ATTR_RECORD of unnamed data says (layout.h): offsets +8 non-resident, +12 flags, +16 value length,
/// +40 allocated, +48 size, +56 initialized, +64 compressed size.</summary>
internal readonly record struct DataDescription(
    bool IsResident, bool IsSparse, bool IsEncoded, long Size, long Allocated, long Valid)
{
    /// <summary>The data is <see cref="IsEncoded"/> with a key that only Windows has.</summary>
    public bool IsEncrypted { get; init; }

    /// <summary>Bytes from the beginning that the run list covers, holes among them; <see cref="Allocated"/> is without them.</summary>
    public long Reserved { get; init; }

    private const ushort Compressed = 0x00FF;
    private const ushort Encrypted = 0x4000;
    private const ushort Sparse = 0x8000;

    public const int SizeOffset = 48;
    public const int ValidOffset = 56;

    public static unsafe DataDescription Read(nint attribute)
    {
        var flags = *(ushort*)(attribute + 12);
        var encoded = (flags & (Compressed | Encrypted)) != 0;
        if (*(byte*)(attribute + 8) == 0)
        {
            long length = *(uint*)(attribute + 16);
            return new DataDescription(true, false, encoded, length, 0, length) { IsEncrypted = (flags & Encrypted) != 0 };
        }

        var sparse = (flags & Sparse) != 0;
        return new DataDescription(
            false,
            sparse,
            encoded,
            *(long*)(attribute + SizeOffset),
            sparse || (flags & Compressed) != 0 ? *(long*)(attribute + 64) : *(long*)(attribute + 40),
            *(long*)(attribute + ValidOffset))
        {
            Reserved = *(long*)(attribute + 40),
            IsEncrypted = (flags & Encrypted) != 0,
        };
    }
}
