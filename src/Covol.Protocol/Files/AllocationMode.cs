namespace Covol.Protocol.Files;

/// <summary>The kinds of <c>fallocate</c> that a volume carries out.</summary>
public enum AllocationMode
{
    /// <summary>Mode 0: space is there and the file is at least as long as the range.</summary>
    Extend,

    /// <summary>FALLOC_FL_ZERO_RANGE inside the file: the range reads as zero and stays allocated.</summary>
    ZeroRange,
}
