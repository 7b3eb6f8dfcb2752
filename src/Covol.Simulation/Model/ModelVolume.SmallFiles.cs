using Covol.Ntfs;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;

namespace Covol.Simulation.Model;

/// <content>Small files, whose data is in the record that makes it valid.</content>
internal sealed partial class ModelVolume : INtfsSmallFiles
{
    /// <summary>More is cut in steps.</summary>
    private const int RemovedAtOnceMax = 8;

    public (FileByteOffset Start, ByteCount Size)? TryWrite(FileId file, long? position, ReadOnlyMemory<byte> data, FileTime modified)
    {
        var inode = Inode(file);
        var start = position ?? inode.Size;
        var size = Math.Max(inode.Size, start + data.Length);
        var needed = ClustersOf(size) - inode.Clusters.Length;
        if (size > INtfsSmallFiles.SmallMax || start > inode.Size || inode.ValidLength != inode.Size || needed > _state.FreeCount
            || !IsSmall(inode))
        {
            return null;
        }

        inode = Put(Grow(inode, needed) with { Size = size, ValidLength = size, Modified = modified });
        for (var at = start; at < start + data.Length;)
        {
            var within = (int)(at % ClusterSize);
            var take = (int)Math.Min(ClusterSize - within, start + data.Length - at);
            _pages.Write(inode.Clusters[(int)(at / ClusterSize)], within, data.Span.Slice((int)(at - start), take));
            at += take;
        }

        return (new FileByteOffset(start), new ByteCount(size));
    }

    public byte[]? TryRead(FileId file, long position, int length)
    {
        var inode = Inode(file);
        if (inode.Size > INtfsSmallFiles.SmallMax || inode.ValidLength != inode.Size || !IsSmall(inode))
        {
            return null;
        }

        var bytes = new byte[Math.Clamp(inode.Size - position, 0, length)];
        for (var done = 0; done < bytes.Length;)
        {
            var within = (int)((position + done) % ClusterSize);
            var take = Math.Min(ClusterSize - within, bytes.Length - done);
            _pages.Read(inode.Clusters[(int)((position + done) / ClusterSize)], within, bytes.AsSpan(done, take));
            done += take;
        }

        return bytes;
    }

    public bool TryRemove(FileId directory, string name, FileId file)
    {
        var parent = Directory(directory);
        var inode = Named(parent, name);
        if (inode.File != file || inode.Kind != FileKind.Regular || inode.LinkCount != 1 || inode.Clusters.Length > RemovedAtOnceMax)
        {
            return false;
        }

        Put(parent with { Names = parent.Names.Remove(name) });
        Cut(inode, 0);
        _state = _state with { Inodes = _state.Inodes.Remove(file.Reference.Record) };
        return true;
    }

    /// <summary>It has no clusters, or all that is valid was journalled in this lap, so that nobody was granted it since.</summary>
    private bool IsSmall(ModelInode inode)
    {
        var valid = inode.Clusters.Take(ClustersOf(inode.Size)).ToList();
        return !valid.Contains(ModelInode.Hole)
            && (!_rules.Journal.JournalsOnlyItsOwn
                || inode.Clusters.IsEmpty
                || (inode.Size > 0 && valid.TrueForAll(_pages.Holds)));
    }
}
