namespace Covol.Lun;

/// <summary>What the owner of a failed LUN request can do about it.</summary>
public enum LunError
{
    /// <summary>This path does not answer; another may. What was in flight may still land.</summary>
    PathLost = 1,

    /// <summary>The LUN refused: our key is not registered (any more). Stop writing; only a new incarnation may go on.</summary>
    ReservationConflict,

    /// <summary>The LUN is smaller than the request asks for.</summary>
    OutOfRange,

    /// <summary>The medium failed the request. Asking again will not help.</summary>
    MediaFailed,

    /// <summary>The store under the LUN is full (thin provisioning).</summary>
    NoSpace,

    /// <summary>There is no such LUN, or it cannot be opened.</summary>
    NotFound,
}
