namespace Covol.Fuse;

/// <summary>
/// A part of a request's data and its place on the LUN's descriptor. All three are multiples of the LUN's block.
/// </summary>
/// <param name="DataOffset">Byte in the request's data.</param>
/// <param name="DescriptorOffset">Byte on the descriptor.</param>
/// <param name="Length">Bytes.</param>
public readonly record struct RingSegment(int DataOffset, long DescriptorOffset, int Length);
