using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Covol.Ntfs.Journal;

namespace Covol.Ntfs;

/// <summary>
/// libntfs-3g's block device, carried out by a <see cref="IVolumeDevice"/>. Each callback catches everything, keeps the
/// failure for
/// <see cref="ThrowIfFailed"/> and answers an errno, because an exception must not cross native frames. The library identifies
/// us by its device
/// pointer.
/// </summary>
internal sealed unsafe class DeviceCallbacks
{
    private static readonly ConcurrentDictionary<nint, DeviceCallbacks> s_devices = new();
    private static readonly Interop.LibNtfs.DeviceOperations* s_operations = MakeOperations();

    /// <summary>Bytes of one transfer; the library asks again for the rest.</summary>
    private const int MaxTransfer = 1 << 30;

    private readonly IVolumeDevice _device;
    private Exception? _failure;
    private long _position;

    private DeviceCallbacks(IVolumeDevice device) => _device = device;

    /// <summary>The library's device. It belongs to the volume once mounted; <c>ntfs_umount</c> frees it.</summary>
    public nint Pointer { get; private set; }

    public static DeviceCallbacks Register(IVolumeDevice device)
    {
        var callbacks = new DeviceCallbacks(device);
        var pointer = Interop.LibNtfs.ntfs_device_alloc("covol", 0, s_operations, 0);
        if (pointer == 0)
        {
            throw new NtfsEngineException("libntfs-3g has no memory for a device.");
        }

        callbacks.Pointer = pointer;
        s_devices[pointer] = callbacks;
        return callbacks;
    }

    public void Unregister() => s_devices.TryRemove(Pointer, out _);

    /// <summary>A native call failed: if it was because of us, this throws what happened to us.</summary>
    public void ThrowIfFailed()
    {
        if (_failure is { } failure)
        {
            throw new NtfsEngineException(
                "The LUN failed a request of the file system; the volume has to be recovered.", failure);
        }
    }

    private static Interop.LibNtfs.DeviceOperations* MakeOperations()
    {
        // Never freed: devices may outlive everything else.
        var operations = (Interop.LibNtfs.DeviceOperations*)NativeMemory.AllocZeroed((nuint)sizeof(Interop.LibNtfs.DeviceOperations));
        operations->Open = &Open;
        operations->Close = &Close;
        operations->Seek = &Seek;
        operations->Read = &Read;
        operations->Write = &Write;
        operations->PRead = &PRead;
        operations->PWrite = &PWrite;
        operations->Sync = &Sync;
        operations->Stat = &Stat;
        operations->IoControl = &IoControl;
        return operations;
    }

    private static int Fail(int errno)
    {
        Marshal.SetLastSystemError(errno);
        return -1;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Open(nint device, int flags) => 0;

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Close(nint device) => 0;

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static long Seek(nint device, long offset, int whence)
    {
        if (!s_devices.TryGetValue(device, out var callbacks))
        {
            return Fail(Errno.EIO);
        }

        var target = whence switch
        {
            0 => offset,
            1 => callbacks._position + offset,
            2 => callbacks._device.Size + offset,
            _ => -1,
        };
        if (target < 0 || target > callbacks._device.Size)
        {
            return Fail(Errno.EINVAL);
        }

        callbacks._position = target;
        return target;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static long Read(nint device, void* target, long count)
    {
        var done = Transfer(device, target, count, At(device), write: false);
        Advance(device, done);
        return done;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static long Write(nint device, void* source, long count)
    {
        var done = Transfer(device, source, count, At(device), write: true);
        Advance(device, done);
        return done;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static long PRead(nint device, void* target, long count, long offset) =>
        Transfer(device, target, count, offset, write: false);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static long PWrite(nint device, void* source, long count, long offset) =>
        Transfer(device, source, count, offset, write: true);

    /// <summary>Stability is the commit's business, not the library's.</summary>
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Sync(nint device) => 0;

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Stat(nint device, void* buffer) => Fail(Errno.EOPNOTSUPP);

    /// <summary>Asked once, for BLKBSZSET; the library goes on without it.</summary>
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int IoControl(nint device, ulong request, void* argument) => Fail(Errno.EOPNOTSUPP);

    private static long At(nint device) => s_devices.TryGetValue(device, out var callbacks) ? callbacks._position : 0;

    private static void Advance(nint device, long done)
    {
        if (done > 0 && s_devices.TryGetValue(device, out var callbacks))
        {
            callbacks._position += done;
        }
    }

    [SuppressMessage("Design", "CA1031", Justification = "No exception may cross native frames; it is kept and thrown after them.")]
    private static long Transfer(nint device, void* memory, long count, long offset, bool write)
    {
        if (!s_devices.TryGetValue(device, out var callbacks))
        {
            return Fail(Errno.EIO);
        }

        // The library looks at errno after calls that succeeded, so a successful transfer leaves it as it was, like a system
        // call.
        var errno = Marshal.GetLastSystemError();
        try
        {
            if (offset < 0 || count < 0)
            {
                return Fail(Errno.EINVAL);
            }

            // Like a block device: nothing lies past the end.
            count = Math.Min(Math.Min(count, Math.Max(0, callbacks._device.Size - offset)), MaxTransfer);
            var span = new Span<byte>(memory, (int)count);
            if (write)
            {
                callbacks._device.Write(offset, span);
            }
            else
            {
                callbacks._device.Read(offset, span);
            }

            Marshal.SetLastSystemError(errno);
            return count;
        }
        catch (Exception failure)
        {
            callbacks._failure ??= failure;
            return Fail(Errno.EIO);
        }
    }
}
