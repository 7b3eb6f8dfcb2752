using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;

namespace Covol.Ntfs;

/// <summary>Where data lies, and how much of it is valid.</summary>
public sealed partial class NtfsVolume
{
    public FileMap Map(FileId file) => Ask(() =>
    {
        using var inode = Open(file);
        return MapOf(inode);
    });

    public byte[] Read(FileId file, long position, int length) => Ask(() =>
    {
        using var inode = Open(file);
        var data = PlainDataOf(inode, file);
        using var attribute = new DataAttribute(inode, _mounted);
        return ReadAll(attribute, data, position, length);
    });

    private static byte[] ReadAll(DataAttribute attribute, in DataDescription data, long position, int length)
    {
        var bytes = new byte[Math.Clamp(data.Size - position, 0, length)];
        for (var done = 0; done < bytes.Length;)
        {
            var read = attribute.Read(position + done, bytes.AsSpan(done));
            done += read > 0 ? read : throw new NtfsEngineException("The data of a file ends before its size.");
        }

        return bytes;
    }

    public void SetValidLength(FileId file, ByteCount validLength, FileTime modified) => Change(() =>
    {
        using (var inode = Open(file))
        {
            var data = DataOf(inode, file);
            if (validLength.Value > data.Size)
            {
                GrowInPlace(inode, data, validLength.Value);
            }

            if (!data.IsResident && validLength.Value > data.Valid)
            {
                inode.SetValidLength(validLength.Value);
            }

            var times = inode.Times;
            inode.Touch(modified: false);
            inode.SetTimes(times.Created, modified.Value, times.Accessed, modified.Value);
            inode.Close();
        }

        _mounted.Forget(file.Reference.Record);
        return true;
    });

    /// <summary>What can be changed: plain data.</summary>
    private DataDescription DataOf(NtfsInode inode, FileId file)
    {
        var data = PlainDataOf(inode, file);
        return data.IsEncoded && _controls.RefuseEncodedData
            ? throw new VolumeException(
                VolumeError.NotSupported,
                $"{file} is compressed by Windows, so it can be read but not changed; copy it and delete the old one, or run 'compact /u' on it.")
            : data;
    }

    /// <summary>What can be read: plain data, and what the library decompresses.</summary>
    private DataDescription PlainDataOf(NtfsInode inode, FileId file)
    {
        if (inode.Header.IsDirectory)
        {
            throw new VolumeException(VolumeError.IsDirectory, $"{file} is a directory.");
        }

        var data = inode.Data ?? throw new VolumeException(VolumeError.NotSupported, $"{file} has no data stream.");
        if (data.IsEncrypted)
        {
            throw new VolumeException(
                VolumeError.NotSupported, $"{file} is encrypted by Windows, whose keys Covol does not have; decrypt it there ('cipher /d').");
        }

        return (inode.Flags & Interop.LibNtfs.FILE_ATTR_REPARSE_POINT) == 0 || !_controls.RefuseEncodedData
            ? data
            : throw new VolumeException(
                VolumeError.NotSupported,
                $"{file} only stands for data that Windows keeps elsewhere (deduplicated, compacted, in a cloud); have Windows restore it first.");
    }

    private FileMap MapOf(NtfsInode inode)
    {
        var data = PlainDataOf(inode, IdOf(inode));
        if (data.IsEncoded && _controls.RefuseEncodedData)
        {
            return new FileMap([], new ByteCount(data.Size), new ByteCount(data.Size), new ByteCount(data.Allocated)) { IsCompressed = true };
        }

        if (data.IsResident)
        {
            return new FileMap([], new ByteCount(data.Valid), new ByteCount(data.Size), ByteCount.Zero) { IsResident = true };
        }

        using var attribute = new DataAttribute(inode, _mounted);
        return new FileMap(
            Extents(attribute.Runs()), new ByteCount(data.Valid), new ByteCount(data.Size), new ByteCount(data.Allocated));
    }

    private List<FileExtent> Extents(List<(long Vcn, long Lcn, long Length)> runs)
    {
        var extents = new List<FileExtent>(runs.Count);
        foreach (var (vcn, lcn, length) in runs)
        {
            if (lcn < 0)
            {
                continue;
            }

            var next = new FileExtent(
                new FileByteOffset(vcn * ClusterSize), new LunByteOffset(lcn * ClusterSize), new ByteCount(length * ClusterSize));
            if (extents.Count > 0 && extents[^1] is var last && last.FileEnd == next.FileStart && last.LunEnd == next.LunStart)
            {
                extents[^1] = last with { Length = last.Length + next.Length };
            }
            else
            {
                extents.Add(next);
            }
        }

        return extents;
    }
}
