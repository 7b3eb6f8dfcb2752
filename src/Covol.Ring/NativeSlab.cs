using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Covol.Ring;

/// <summary>
/// Page-aligned native memory of a fixed length. It is address space only until it is touched, and it is not inherited by
/// child processes (a child's write must not move a page away from under direct I/O).
/// </summary>
public sealed class NativeSlab : SafeHandleZeroOrMinusOneIsInvalid
{
    private NativeSlab(nint address, nuint length)
        : base(ownsHandle: true)
    {
        SetHandle(address);
        Length = length;
    }

    public nint Address => handle;

    public nuint Length { get; }

    /// <summary>Failure is a <see cref="RingException"/>.</summary>
    public static NativeSlab Map(nuint length)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        var address = Interop.Libc.Map(
            0,
            length,
            Interop.Libc.PROT_READ | Interop.Libc.PROT_WRITE,
            Interop.Libc.MAP_PRIVATE | Interop.Libc.MAP_ANONYMOUS | Interop.Libc.MAP_NORESERVE,
            -1,
            0);
        if (address == Interop.Libc.MAP_FAILED)
        {
            throw new RingException($"The kernel gave no {length} bytes of memory for I/O.", Marshal.GetLastPInvokeError());
        }

        var slab = new NativeSlab(address, length);
        if (Interop.Libc.Advise(address, length, Interop.Libc.MADV_DONTFORK) != 0)
        {
            var errno = Marshal.GetLastPInvokeError();
            slab.Dispose();
            throw new RingException("Memory for I/O could not be kept from child processes.", errno);
        }

        return slab;
    }

    /// <summary>
    /// Asks for huge pages in the first bytes of the slab: fewer segments per direct I/O. False: the kernel has none.
    /// </summary>
    public bool PreferHugePages(nuint length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length);
        return Interop.Libc.Advise(handle, length, Interop.Libc.MADV_HUGEPAGE) == 0;
    }

    protected override bool ReleaseHandle() => Interop.Libc.Unmap(handle, Length) == 0;
}
