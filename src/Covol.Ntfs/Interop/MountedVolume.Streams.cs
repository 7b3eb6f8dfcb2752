namespace Covol.Ntfs;

/// <summary>Extended attributes and reparse points, whole.</summary>
internal sealed unsafe partial class MountedVolume
{
    private const int BufferLength = 512;

    /// <summary>All entries; empty when there are none.</summary>
    public byte[] ReadExtended(NtfsInode inode)
    {
        var buffer = stackalloc byte[BufferLength];
        var length = Interop.LibNtfs.ntfs_get_ntfs_ea(inode.Handle, buffer, BufferLength);
        if (length < 0)
        {
            return -length == Errno.ENODATA ? [] : throw Failure($"The extended attributes of record {inode.Record} cannot be read");
        }

        var bytes = new byte[length];
        if (length <= BufferLength)
        {
            new ReadOnlySpan<byte>(buffer, length).CopyTo(bytes);
            return bytes;
        }

        fixed (byte* target = bytes)
        {
            return Interop.LibNtfs.ntfs_get_ntfs_ea(inode.Handle, target, (nuint)length) == length
                ? bytes
                : throw Failure($"The extended attributes of record {inode.Record} cannot be read");
        }
    }

    /// <summary>Replaces all entries.</summary>
    public void WriteExtended(NtfsInode inode, ReadOnlySpan<byte> entries)
    {
        int result;
        if (entries.Length == 0)
        {
            result = Interop.LibNtfs.ntfs_remove_ntfs_ea(inode.Handle);
        }
        else
        {
            fixed (byte* source = entries)
            {
                result = Interop.LibNtfs.ntfs_set_ntfs_ea(inode.Handle, source, (nuint)entries.Length, 0);
            }
        }

        if (result != 0)
        {
            throw Failure($"The extended attributes of record {inode.Record} cannot be written");
        }

        inode.MarkDirty();
    }

    /// <summary>A named stream, whole.</summary>
    public byte[] ReadStream(NtfsInode inode, string name, int length)
    {
        using var stream = new DataAttribute(inode, this, Interop.LibNtfs.AT_DATA, name);
        var bytes = new byte[length];
        for (var done = 0; done < length;)
        {
            var read = stream.Read(done, bytes.AsSpan(done));
            done += read > 0 ? read : throw new NtfsEngineException($"The stream '{name}' of record {inode.Record} ends early.");
        }

        return bytes;
    }

    /// <summary>Adds a named stream that is not there yet.</summary>
    public void AddStream(NtfsInode inode, string name, ReadOnlySpan<byte> value)
    {
        fixed (char* text = name)
        fixed (byte* source = value)
        {
            if (Interop.LibNtfs.ntfs_attr_add(
                inode.Handle, Interop.LibNtfs.AT_DATA, text, (byte)name.Length, source, value.Length) != 0)
            {
                throw Failure($"The stream '{name}' cannot be added to record {inode.Record}");
            }
        }

        inode.MarkDirty();
    }

    public void RemoveStream(NtfsInode inode, string name)
    {
        fixed (char* text = name)
        {
            if (Interop.LibNtfs.ntfs_attr_remove(inode.Handle, Interop.LibNtfs.AT_DATA, text, (uint)name.Length) != 0)
            {
                throw Failure($"The stream '{name}' cannot be removed from record {inode.Record}");
            }
        }

        inode.MarkDirty();
    }

    /// <summary>The reparse point; empty when there is none.</summary>
    public byte[] ReadReparse(NtfsInode inode)
    {
        var length = Interop.LibNtfs.ntfs_get_ntfs_reparse_data(inode.Handle, null, 0);
        if (length < 0)
        {
            return -length is Errno.ENODATA or Errno.EOPNOTSUPP
                ? []
                : throw Failure($"The reparse point of record {inode.Record} cannot be read");
        }

        var bytes = new byte[length];
        fixed (byte* target = bytes)
        {
            return Interop.LibNtfs.ntfs_get_ntfs_reparse_data(inode.Handle, target, (nuint)length) == length
                ? bytes
                : throw Failure($"The reparse point of record {inode.Record} cannot be read");
        }
    }

    public void WriteReparse(NtfsInode inode, ReadOnlySpan<byte> reparse)
    {
        fixed (byte* source = reparse)
        {
            if (Interop.LibNtfs.ntfs_set_ntfs_reparse_data(inode.Handle, source, (nuint)reparse.Length, 0) != 0)
            {
                throw Failure($"The reparse point of record {inode.Record} cannot be written");
            }
        }
    }
}
