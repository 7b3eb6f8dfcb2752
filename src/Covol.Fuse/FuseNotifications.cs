using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Covol.Fuse.Wire;
using Microsoft.Win32.SafeHandles;

namespace Covol.Fuse;

/// <summary>
/// What a server tells the kernel without being asked: that it must not show what it was allowed to keep. Any thread; none of it waits for
/// a request that is under way, so it may be said from where requests are answered.
/// </summary>
public sealed class FuseNotifications
{
    // fuse.h: enum fuse_notify_code
    private const int InvalidateInode = 2;
    private const int IncrementEpoch = 8;

    // FUSE_NOTIFY_INC_EPOCH came with 7.44. FUSE_NOTIFY_INVAL_ENTRY is no substitute: it waits for the directory's lock, which a request
    // holds that may itself wait for this server.
    private const int EpochMinor = 44;

    private readonly SafeFileHandle _device;

    /// <param name="device">The mount's descriptor; it must outlive this.</param>
    public FuseNotifications(SafeFileHandle device) => _device = device;

    /// <summary>Whether names can be made to be looked up anew. Where not, the kernel must not keep any.</summary>
    public static bool CanExpireNames(FuseNegotiation negotiation)
    {
        ArgumentNullException.ThrowIfNull(negotiation);
        return negotiation.Minor >= EpochMinor;
    }

    /// <summary>
    /// The attributes of an inode are asked for anew, also those of an answer that is on its way. A node unknown to the kernel is fine.
    /// </summary>
    public void ExpireAttributes(ulong node)
    {
        var message = new InvalidateInodeMessage { Node = node, Offset = -1 };
        message.Header.Length = (uint)Unsafe.SizeOf<InvalidateInodeMessage>();
        message.Header.Error = InvalidateInode;
        Send(MemoryMarshal.AsBytes(new ReadOnlySpan<InvalidateInodeMessage>(in message)));
    }

    /// <summary>Every name is looked up anew, also those of answers that are on their way.</summary>
    public void ExpireNames()
    {
        var message = new ReplyHeader { Length = (uint)Unsafe.SizeOf<ReplyHeader>(), Error = IncrementEpoch };
        Send(MemoryMarshal.AsBytes(new ReadOnlySpan<ReplyHeader>(in message)));
    }

    private void Send(ReadOnlySpan<byte> message)
    {
        var isHeld = false;
        int errno;
        try
        {
            _device.DangerousAddRef(ref isHeld);
            errno = -FuseDevice.Write((int)_device.DangerousGetHandle(), message);
        }
        catch (ObjectDisposedException)
        {
            // The mount is gone, and with it whoever would look.
            return;
        }
        finally
        {
            if (isHeld)
            {
                _device.DangerousRelease();
            }
        }

        if (errno is not (0 or Interop.Libc.ENOENT or Interop.Libc.ENODEV or Interop.Libc.ENOTCONN or Interop.Libc.ECONNABORTED))
        {
            throw new FuseException("The kernel does not let go of what it was allowed to keep", errno);
        }
    }

    /// <summary>struct fuse_out_header and struct fuse_notify_inval_inode_out.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct InvalidateInodeMessage
    {
        public ReplyHeader Header;
        public ulong Node;

        /// <summary>Negative: attributes only, no data.</summary>
        public long Offset;
        public long Length;
    }
}
