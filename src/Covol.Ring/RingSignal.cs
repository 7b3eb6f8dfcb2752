using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Covol.Ring;

/// <summary>
/// An event descriptor by which other threads wake a ring's thread: the ring keeps one read of 8 bytes armed on it.
/// </summary>
public sealed class RingSignal : IDisposable
{
    private readonly SafeFileHandle _event;

    public RingSignal()
    {
        _event = Interop.Libc.CreateEvent(0, Interop.Libc.EFD_CLOEXEC);
        if (_event.IsInvalid)
        {
            throw new RingException("The kernel gave no event descriptor.", Marshal.GetLastPInvokeError());
        }
    }

    public int Descriptor => (int)_event.DangerousGetHandle();

    /// <summary>Any thread. The armed read completes; several calls before that complete it once.</summary>
    public unsafe void Raise()
    {
        ulong one = 1;
        while (Interop.Libc.Write(_event, &one, sizeof(ulong)) < 0)
        {
            var errno = Marshal.GetLastPInvokeError();
            if (errno != Interop.Libc.EINTR)
            {
                throw new RingException("A ring's thread could not be woken.", errno);
            }
        }
    }

    public void Dispose() => _event.Dispose();
}
