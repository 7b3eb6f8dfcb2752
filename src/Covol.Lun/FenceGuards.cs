namespace Covol.Lun;

/// <summary>The guards of a fence, so that a control run can show what each is for.</summary>
[Flags]
internal enum FenceGuards
{
    None = 0,

    /// <summary>Only who is registered may preempt.</summary>
    OwnKey = 1,

    /// <summary>A fence waits for I/O in flight.</summary>
    Drain = 2,

    /// <summary>A dead process is drained when its descriptor is gone, not when the process is.</summary>
    Descriptor = 4,
}
