using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;

namespace Covol.Ntfs;

/// <summary>Small files: data and all in one change.</summary>
public sealed partial class NtfsVolume : INtfsSmallFiles
{
    /// <summary>More is cut in steps: a file in many pieces may have a page of the bitmap for each.</summary>
    private const long RemovedAtOnceMax = 1 << 20;

    public (FileByteOffset Start, ByteCount Size)? TryWrite(FileId file, long? position, ReadOnlyMemory<byte> data, FileTime modified)
    {
        try
        {
            return WriteAsWhole(file, position, data, modified);
        }
        catch (VolumeException refused) when (refused.Error == VolumeError.NoSpace)
        {
            // Not in one piece: the ordinary way takes what pieces there are, or refuses.
            return null;
        }
    }

    private (FileByteOffset Start, ByteCount Size)? WriteAsWhole(FileId file, long? position, ReadOnlyMemory<byte> data, FileTime modified) =>
        Change<(FileByteOffset, ByteCount)?>(() =>
        {
            long start, size;
            using (var inode = Open(file))
            {
                var present = DataOf(inode, file);
                start = position ?? present.Size;
                size = Math.Max(present.Size, start + data.Length);
                if (size > INtfsSmallFiles.SmallMax || start > present.Size || present.Valid != present.Size || present.IsSparse)
                {
                    return null;
                }

                CheckRoom(size - present.Reserved);
                using (var attribute = new DataAttribute(inode, _mounted))
                {
                    if (!present.IsResident && !IsJournalled(attribute, present.Size))
                    {
                        return null;
                    }

                    if (!attribute.TryGrow(size))
                    {
                        throw NoRoom();
                    }

                    attribute.Write(start, data.Span);
                }

                var times = inode.Times;
                inode.Touch(modified: false);
                inode.SetTimes(times.Created, modified.Value, times.Accessed, modified.Value);
                inode.Close();
            }

            _mounted.Forget(file.Reference.Record);
            return (new FileByteOffset(start), new ByteCount(size));
        });

    public byte[]? TryRead(FileId file, long position, int length) => Ask(() =>
    {
        using var inode = Open(file);
        var data = PlainDataOf(inode, file);
        if (data.Size > INtfsSmallFiles.SmallMax || data.IsEncoded || data.IsSparse || data.Valid != data.Size)
        {
            return null;
        }

        using var attribute = new DataAttribute(inode, _mounted);
        return data.IsResident || IsJournalled(attribute, data.Size) ? ReadAll(attribute, data, position, length) : null;
    });

    public bool TryRemove(FileId directory, string name, FileId file) => Change(() =>
    {
        ulong record;
        using (var parent = OpenDirectory(directory))
        {
            record = FindVisible(parent, name) ?? throw NoSuchName(name);
        }

        using (var inode = _mounted.Open(record))
        {
            if (IdOf(inode) != file || inode.Header.IsDirectory || inode.Names.Count != 1
                || inode.Data is { IsResident: false, Reserved: > RemovedAtOnceMax })
            {
                return false;
            }
        }

        DeleteName(record, directory.Reference.Record, name);
        return true;
    });

    /// <summary>
    /// All that is valid of it was journalled in this lap; a grant of the file, which names all its clusters, would have ended that. A file
    /// with clusters and nothing in them may have been granted.
    /// </summary>
    private bool IsJournalled(DataAttribute attribute, long size) => !_controls.JournalsOnlyItsOwn || attribute.Runs().TrueForAll(run =>
        run.Lcn >= 0
        && size > 0
        && _device.IsJournalled(run.Lcn * ClusterSize, Math.Clamp(size - (run.Vcn * ClusterSize), 0, run.Length * ClusterSize)));
}
