namespace Covol.Ring;

/// <summary>What a submission asks the kernel to do; numbers of include/uapi/linux/io_uring.h.</summary>
public enum RingOperation : byte
{
    Nothing = 0,
    Flush = 3,
    ReadFixed = 4,
    WriteFixed = 5,
    PollAdd = 6,
    Cancel = 14,
    Read = 22,
    Write = 23,
}
