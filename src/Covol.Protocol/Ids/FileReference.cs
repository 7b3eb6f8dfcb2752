namespace Covol.Protocol.Ids;

/// <summary>
/// An NTFS file reference (MS-FSCC 2.1.5, the "64-bit file ID"): the MFT record in the low 48 bits, its sequence number in the
/// high 16. It is the FUSE node id too; the root is record 5, which FUSE calls 1.
/// </summary>
public readonly record struct FileReference(ulong Value)
{
    public const ulong RecordMask = 0xFFFF_FFFF_FFFF;

    public FileReference(ulong record, ushort sequence)
        : this((record & RecordMask) | ((ulong)sequence << 48))
    {
    }

    public ulong Record => Value & RecordMask;

    public ushort Sequence => (ushort)(Value >> 48);

    public override string ToString() => $"{Record}:{Sequence}";
}
