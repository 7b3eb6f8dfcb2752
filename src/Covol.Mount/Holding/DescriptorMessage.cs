using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Covol.Mount.Holding;

/// <summary>
/// One message with at most one descriptor over a connected Unix SOCK_SEQPACKET socket (unix(7), SCM_RIGHTS). Blocks up to the
/// socket's time-outs.
/// </summary>
internal static unsafe class DescriptorMessage
{
    public const int LengthMax = 64 * 1024;

    public static void Send(Socket socket, ReadOnlySpan<byte> text, SafeHandle? descriptor)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(text.Length, LengthMax);
        var taken = false;
        try
        {
            descriptor?.DangerousAddRef(ref taken);
            fixed (byte* bytes = text)
            {
                var vector = new Interop.LibC.IoVector { Base = bytes, Length = (nuint)text.Length };
                var control = new Interop.LibC.OneDescriptor
                {
                    Length = Interop.LibC.OneDescriptor.LengthUsed,
                    Level = Interop.LibC.SolSocket,
                    Kind = Interop.LibC.ScmRights,
                    Descriptor = descriptor is null ? -1 : (int)descriptor.DangerousGetHandle(),
                };
                var message = new Interop.LibC.MessageHeader
                {
                    Vectors = &vector,
                    VectorCount = 1,
                    Control = descriptor is null ? null : &control,
                    ControlLength = descriptor is null ? 0 : (nuint)sizeof(Interop.LibC.OneDescriptor),
                };
                nint sent;
                do
                {
                    sent = Interop.LibC.SendMessage(socket.SafeHandle, &message, Interop.LibC.MsgNoSignal);
                }
                while (sent < 0 && Marshal.GetLastPInvokeError() == Interop.LibC.Eintr);

                if (sent != text.Length)
                {
                    throw new IOException($"A message to or from the holder could not be sent (errno {Marshal.GetLastPInvokeError()}).");
                }
            }
        }
        finally
        {
            if (taken)
            {
                descriptor!.DangerousRelease();
            }
        }
    }

    /// <summary>The caller owns the descriptor. An empty message is the end of the connection.</summary>
    public static byte[] Receive(Socket socket, out SafeFileHandle? descriptor)
    {
        descriptor = null;
        var buffer = new byte[LengthMax];
        fixed (byte* bytes = buffer)
        {
            var vector = new Interop.LibC.IoVector { Base = bytes, Length = LengthMax };
            Interop.LibC.OneDescriptor control = default;
            var message = new Interop.LibC.MessageHeader
            {
                Vectors = &vector,
                VectorCount = 1,
                Control = &control,
                ControlLength = (nuint)sizeof(Interop.LibC.OneDescriptor),
            };
            nint received;
            do
            {
                received = Interop.LibC.ReceiveMessage(socket.SafeHandle, &message, Interop.LibC.MsgCloseOnExec);
            }
            while (received < 0 && Marshal.GetLastPInvokeError() == Interop.LibC.Eintr);

            var errno = Marshal.GetLastPInvokeError();
            if (received >= 0
                && message.ControlLength >= Interop.LibC.OneDescriptor.LengthUsed
                && control is { Level: Interop.LibC.SolSocket, Kind: Interop.LibC.ScmRights })
            {
                descriptor = new SafeFileHandle(control.Descriptor, ownsHandle: true);
            }

            if (received < 0 || (message.Flags & (Interop.LibC.MsgTruncated | Interop.LibC.MsgControlTruncated)) != 0)
            {
                descriptor?.Dispose();
                throw new IOException(received < 0
                    ? $"No message came (errno {errno})."
                    : "A message was longer than any that holder and mount process send.");
            }

            return buffer[..(int)received];
        }
    }
}
