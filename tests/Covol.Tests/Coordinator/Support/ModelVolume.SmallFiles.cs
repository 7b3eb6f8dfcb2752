using Covol.Ntfs;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;

namespace Covol.Tests.Coordinator.Support;

/// <content>Small files go with their name; their data is the LUN's here, as that of all files.</content>
internal sealed partial class ModelVolume : INtfsSmallFiles
{
    public (FileByteOffset Start, ByteCount Size)? TryWrite(
        FileId file, long? position, ReadOnlyMemory<byte> data, FileTime modified) => null;

    public byte[]? TryRead(FileId file, long position, int length) => null;

    public bool TryRemove(FileId directory, string name, FileId file)
    {
        Require(Directory(directory).Names.TryGetValue(name, out var found), VolumeError.NotFound);
        var inode = Find(found);
        if (found != file || inode.Kind == FileKind.Directory || inode.Links != 1 || inode.Clusters.Count > StepClusters)
        {
            return false;
        }

        Directory(directory).Names.Remove(name);
        while (inode.Clusters.Count > 0)
        {
            FreeLast(inode);
        }

        return _inodes.Remove(file);
    }
}
