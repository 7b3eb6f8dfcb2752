using System.Buffers.Binary;
using Covol.Protocol.Units;

namespace Covol.Protocol.Journal;

/// <summary>
/// Says where the journal lies, in the volume's sector 15: the last sector of NTFS's 8 KiB <c>$Boot</c>, which is all zero
/// after mkntfs. Recovery
/// must find the journal while the file system cannot be read.
/// </summary>
/// <param name="Start">First byte of the journal on the LUN.</param>
/// <param name="Length">Bytes of the journal.</param>
/// <param name="VolumeSerial">The serial number of the boot sector it was made for.</param>
public sealed record JournalLocator(LunByteOffset Start, ByteCount Length, ulong VolumeSerial)
{
    private const ulong Magic = 0x31_43_4F_4C_4C_56_4F_43; // "COVLLOC1"

    /// <summary>Where it is, in bytes from the volume's begin.</summary>
    public const int Place = 15 * JournalFormat.SectorSize;

    public void Encode(Span<byte> sector)
    {
        sector[..JournalFormat.SectorSize].Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(sector, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(sector[16..], JournalFormat.Version);
        BinaryPrimitives.WriteInt64LittleEndian(sector[24..], Start.Value);
        BinaryPrimitives.WriteInt64LittleEndian(sector[32..], Length.Value);
        BinaryPrimitives.WriteUInt64LittleEndian(sector[40..], VolumeSerial);
        BinaryPrimitives.WriteUInt64LittleEndian(sector[8..], Checksum64.Of(sector[16..JournalFormat.SectorSize]));
    }

    /// <summary>Null where there is no locator of this version.</summary>
    public static JournalLocator? Read(ReadOnlySpan<byte> sector)
    {
        if (BinaryPrimitives.ReadUInt64LittleEndian(sector) != Magic
            || BinaryPrimitives.ReadUInt32LittleEndian(sector[16..]) != JournalFormat.Version
            || BinaryPrimitives.ReadUInt64LittleEndian(sector[8..]) != Checksum64.Of(sector[16..JournalFormat.SectorSize]))
        {
            return null;
        }

        return new JournalLocator(
            new LunByteOffset(BinaryPrimitives.ReadInt64LittleEndian(sector[24..])),
            new ByteCount(BinaryPrimitives.ReadInt64LittleEndian(sector[32..])),
            BinaryPrimitives.ReadUInt64LittleEndian(sector[40..]));
    }
}
