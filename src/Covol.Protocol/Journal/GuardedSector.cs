using Covol.Protocol.Units;

namespace Covol.Protocol.Journal;

/// <summary>
/// One 512-byte sector that only the owner of the journal changes, and what was in it at the last checkpoint. Other content
/// than that
/// and than what the lap's records put there means that another program wrote to the volume (SAFETY 18).
/// </summary>
/// <param name="Place">Where it is, a multiple of 512.</param>
/// <param name="Checksum">Of its 512 bytes.</param>
public readonly record struct GuardedSector(LunByteOffset Place, ulong Checksum);
