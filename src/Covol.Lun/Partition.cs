using Covol.Protocol.Units;

namespace Covol.Lun;

/// <summary>One entry of a LUN's partition table.</summary>
/// <param name="Number">Its place in the table, from 1.</param>
/// <param name="Start">Its first byte on the LUN.</param>
/// <param name="Length">Bytes.</param>
/// <param name="HoldsNtfs">It is a basic data partition and begins with NTFS's boot sector.</param>
public sealed record Partition(int Number, LunByteOffset Start, ByteCount Length, bool HoldsNtfs);
