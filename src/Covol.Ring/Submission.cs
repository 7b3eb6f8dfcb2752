using System.Runtime.InteropServices;

namespace Covol.Ring;

/// <summary>One submission queue entry (struct io_uring_sqe, 64 bytes). The memory belongs to the ring.</summary>
[StructLayout(LayoutKind.Explicit, Size = 64)]
public struct Submission
{
    [FieldOffset(0)] internal RingOperation _operation;
    [FieldOffset(4)] internal int _descriptor;
    [FieldOffset(8)] internal ulong _offset;
    [FieldOffset(16)] internal nint _address;
    [FieldOffset(24)] internal uint _length;
    [FieldOffset(28)] internal uint _flags;
    [FieldOffset(32)] internal ulong _token;
    [FieldOffset(40)] internal ushort _buffer;

    /// <summary>
    /// Reads <paramref name="length"/> bytes to <paramref name="address"/>, which stays valid until the completion. An offset of
    /// -1 is "the descriptor's own position", what devices and event descriptors want.
    /// </summary>
    public void Read(int descriptor, nint address, int length, long offset, ulong token) =>
        Fill(RingOperation.Read, descriptor, address, length, offset, token);

    public void Write(int descriptor, nint address, int length, long offset, ulong token) =>
        Fill(RingOperation.Write, descriptor, address, length, offset, token);

    /// <summary>Like <see cref="Read"/>, into the memory that was registered as buffer 0.</summary>
    public void ReadFixed(int descriptor, nint address, int length, long offset, ulong token) =>
        Fill(RingOperation.ReadFixed, descriptor, address, length, offset, token);

    public void WriteFixed(int descriptor, nint address, int length, long offset, ulong token) =>
        Fill(RingOperation.WriteFixed, descriptor, address, length, offset, token);

    /// <summary>
    /// Makes what was written to the descriptor stable, with the metadata that is needed to find it (fdatasync).
    /// </summary>
    public void Flush(int descriptor, ulong token)
    {
        const uint dataOnly = 1;
        Fill(RingOperation.Flush, descriptor, 0, 0, 0, token);
        _flags = dataOnly;
    }

    /// <summary>Completes when the descriptor's other end is gone or has failed (POLLERR, POLLHUP), with nothing else.</summary>
    public void WatchForEnd(int descriptor, ulong token)
    {
        const uint errorOrHangUp = 0x8 | 0x10;
        Fill(RingOperation.PollAdd, descriptor, 0, 0, 0, token);
        _flags = errorOrHangUp;
    }

    /// <summary>Ends the submission that carries <paramref name="victim"/> as its token, if it has not ended by itself.</summary>
    public void Cancel(ulong victim, ulong token) =>
        Fill(RingOperation.Cancel, -1, unchecked((nint)victim), 0, 0, token);

    private void Fill(RingOperation operation, int descriptor, nint address, int length, long offset, ulong token)
    {
        this = default;
        _operation = operation;
        _descriptor = descriptor;
        _address = address;
        _length = checked((uint)length);
        _offset = unchecked((ulong)offset);
        _token = token;
    }
}
