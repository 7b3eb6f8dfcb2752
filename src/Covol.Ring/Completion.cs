using System.Runtime.InteropServices;

namespace Covol.Ring;

/// <summary>One completion queue entry (struct io_uring_cqe, 16 bytes): the submission's token and its result.</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly struct Completion
{
    private readonly ulong _token;
    private readonly int _result;
    private readonly uint _flags;

    public ulong Token => _token;

    /// <summary>Bytes moved, or the negative errno.</summary>
    public int Result => _result;
}
