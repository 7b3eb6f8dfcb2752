using Covol.Protocol.Units;

namespace Covol.VolumeClient;

/// <summary>A piece of one read or write that lies in one piece on the LUN; block-aligned at both ends.</summary>
public readonly record struct LunSegment(LunByteOffset LunStart, int Length);
