using System.Runtime.InteropServices;
using Covol.Ntfs.Journal;
using Covol.Protocol;
using Covol.Protocol.Volume;

namespace Covol.Ntfs;

/// <summary>A volume mounted by libntfs-3g over our device. Belongs to the thread that mounted it.</summary>
internal sealed unsafe partial class MountedVolume : IDisposable
{
    private readonly IVolumeDevice _device;
    private readonly int _thread;
    private readonly uint _flags;
    private DeviceCallbacks? _callbacks;
    private nint _handle;

    /// <param name="device">What it lies on.</param>
    /// <param name="isForeign">It may belong to a Windows that is hibernated. On ours a file of that name is a file.</param>
    public MountedVolume(IVolumeDevice device, bool isForeign = false)
    {
        LibNtfsLoader.Use();
        _device = device;
        _flags = isForeign ? 0 : Interop.LibNtfs.NTFS_MNT_IGNORE_HIBERFILE;
        _thread = Environment.CurrentManagedThreadId;
        Mount();
    }

    /// <summary>errno of the native call just made.</summary>
    public static int LastError => Marshal.GetLastPInvokeError();

    public nint Handle => _handle;

    public void AssertCurrent() => Invariant.Holds(
        Environment.CurrentManagedThreadId == _thread, "A volume was touched by another thread than the one that opened it.");

    /// <summary>What to throw after a native call failed: a refusal a caller can act on, or the end of this volume.</summary>
    public Exception Failure(string what)
    {
        var errno = LastError;
        _callbacks?.ThrowIfFailed();
        var sentence = $"{what}: {Marshal.GetPInvokeErrorMessage(errno)} (errno {errno}).";
        return Errno.AsVolumeError(errno) is { } error ? new VolumeException(error, sentence) : new NtfsEngineException(sentence);
    }

    /// <summary>Opens a record in use; null when it is not, or lies past the MFT's end.</summary>
    public NtfsInode? TryOpen(ulong record)
    {
        var handle = Interop.LibNtfs.ntfs_inode_open(_handle, record);
        if (handle == 0)
        {
            _callbacks?.ThrowIfFailed();
            return null;
        }

        return new NtfsInode(this, handle);
    }

    /// <summary>Opens a record that must be there.</summary>
    public NtfsInode Open(ulong record) =>
        TryOpen(record) ?? throw new NtfsEngineException(
            $"MFT record {record} cannot be read (errno {LastError}): the volume is damaged.");

    public ulong? Find(NtfsInode directory, string name)
    {
        fixed (char* text = name)
        {
            var reference = Interop.LibNtfs.ntfs_inode_lookup_by_name(directory.Handle, text, name.Length);
            if (reference != ulong.MaxValue)
            {
                return reference;
            }
        }

        return LastError == Errno.ENOENT ? null : throw Failure($"The directory in record {directory.Record} cannot be searched");
    }

    public NtfsInode Create(NtfsInode directory, string name, bool isDirectory)
    {
        fixed (char* text = name)
        {
            var type = isDirectory ? Interop.LibNtfs.S_IFDIR : Interop.LibNtfs.S_IFREG;
            var handle = Interop.LibNtfs.ntfs_create(directory.Handle, 0, text, (byte)name.Length, type);
            return handle != 0 ? new NtfsInode(this, handle) : throw Failure($"'{name}' cannot be created");
        }
    }

    public void Link(NtfsInode inode, NtfsInode directory, string name)
    {
        fixed (char* text = name)
        {
            if (Interop.LibNtfs.ntfs_link(inode.Handle, directory.Handle, text, (byte)name.Length) != 0)
            {
                throw Failure($"The name '{name}' cannot be added");
            }
        }
    }

    /// <summary>Takes the name away, and the inode with its last name. Closes both.</summary>
    public void Delete(NtfsInode inode, NtfsInode directory, string name)
    {
        fixed (char* text = name)
        {
            if (Interop.LibNtfs.ntfs_delete(_handle, 0, inode.Release(), directory.Release(), text, (byte)name.Length) != 0)
            {
                throw Failure($"The name '{name}' cannot be removed");
            }
        }
    }

    public bool IsEmptyDirectory(NtfsInode directory)
    {
        if (Interop.LibNtfs.ntfs_check_empty_dir(directory.Handle) == 0)
        {
            return true;
        }

        return LastError == Errno.ENOTEMPTY ? false : throw Failure($"The directory in record {directory.Record} cannot be read");
    }

    /// <summary>Names without short ones, with their file references.</summary>
    public List<(string Name, ulong Reference)> List(NtfsInode directory)
    {
        var collector = new NameCollector();
        var handle = GCHandle.Alloc(collector);
        try
        {
            long position = 0;
            if (Interop.LibNtfs.ntfs_readdir(directory.Handle, &position, GCHandle.ToIntPtr(handle), &NameCollector.Fill) != 0)
            {
                throw Failure($"The directory in record {directory.Record} cannot be read");
            }
        }
        finally
        {
            handle.Free();
        }

        return collector.Names;
    }

    /// <summary>The library's memory of a closed inode is thrown away.</summary>
    public void Forget(ulong record) => Interop.LibNtfs.ntfs_inode_invalidate(_handle, record);

    /// <summary>Throws the library's memory away and reads the volume anew from the overlay. No inode is open.</summary>
    public void Remount()
    {
        Unmount();
        Mount();
    }

    public void Dispose()
    {
        if (_handle != 0)
        {
            Unmount();
        }
    }

    private void Mount()
    {
        _callbacks = DeviceCallbacks.Register(_device);
        _handle = Interop.LibNtfs.ntfs_device_mount(_callbacks.Pointer, _flags);
        if (_handle == 0)
        {
            var errno = LastError;
            _ = Interop.LibNtfs.ntfs_device_free(_callbacks.Pointer);
            _callbacks.Unregister();
            _callbacks.ThrowIfFailed();
            throw new NtfsRefusedException(
                $"libntfs-3g cannot mount the volume: {Marshal.GetPInvokeErrorMessage(errno)} (errno {errno}).")
            {
                HResult = errno,
            };
        }

        // As ntfs_mount does: without its caches the library does not find its own $Reparse index (it looks up a null name),
        // so that symbolic
        // links could neither be made nor deleted cleanly.
        Interop.LibNtfs.ntfs_create_lru_caches(_handle);
        if (Interop.LibNtfs.ntfs_volume_get_free_space(_handle) != 0)
        {
            throw Failure("The free space of the volume cannot be counted");
        }
    }

    private void Unmount()
    {
        // After each operation nothing is left to write (measured); what an abandoned one would write is dropped.
        _device.DropWrites = true;
        _ = Interop.LibNtfs.ntfs_umount(_handle, 0);
        _device.DropWrites = false;
        _handle = 0;
        _callbacks!.Unregister();
    }
}
