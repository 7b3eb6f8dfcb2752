namespace Covol.Protocol.Files;

/// <summary>The kinds of <c>fallocate</c> that a volume carries out.</summary>
public enum AllocationMode
{
    /// <summary>Mode 0: space is there and the file is at least as long as the range.</summary>
    Extend,

    /// <summary>FALLOC_FL_ZERO_RANGE: the range reads as zero and stays allocated.</summary>
    ZeroRange,

    /// <summary>FALLOC_FL_KEEP_SIZE: space for a range that lies inside the file; one that does not is refused (NotSupported).</summary>
    KeepSize,

    /// <summary>FALLOC_FL_ZERO_RANGE with FALLOC_FL_KEEP_SIZE: what of the range lies past the end stays out of the file.</summary>
    ZeroInside,

    /// <summary>FALLOC_FL_PUNCH_HOLE (always with FALLOC_FL_KEEP_SIZE): the range reads as zero and its whole clusters are free.</summary>
    PunchHole,
}
