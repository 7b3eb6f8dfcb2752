using System.Buffers.Binary;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;

namespace Covol.Ntfs;

/// <summary>
/// Clusters behind a file's size that a program asked for (FALLOC_FL_KEEP_SIZE). NTFS allows them; that they are no guess of ours is told by
/// an extended attribute that no program sees.
/// </summary>
public sealed partial class NtfsVolume
{
    /// <summary>Up to which byte, 8 bytes, little-endian. Under "$LX", as owner and mode.</summary>
    private const string KeptRoomName = "$LXKEEP";

    public void KeepRoom(FileId file, ByteCount length) => Change(() =>
    {
        using var inode = Open(file);
        var extended = ReadExtended(inode);
        if (KeptRoomOf(extended) < length.Value)
        {
            var value = new byte[sizeof(long)];
            BinaryPrimitives.WriteInt64LittleEndian(value, length.Value);
            extended.Set(KeptRoomName, value);
            WriteExtended(inode, extended);
            inode.Close();
        }

        return true;
    });

    public ByteCount RoomKept(FileId file) => Ask(() =>
    {
        using var inode = Open(file);
        return new ByteCount(KeptRoomOf(ReadExtended(inode)));
    });

    /// <summary>Before a cut to this size: what was kept goes, and at last the mark; false: call again (after a commit).</summary>
    private bool GiveKeptRoomBack(FileId file, long size, StepSize step)
    {
        using var inode = Open(file);
        var extended = ReadExtended(inode);
        var data = DataOf(inode, file);
        if (KeptRoomOf(extended) == 0 || data.Size < size)
        {
            return true;
        }

        if (!data.IsResident && data.Size == size && data.Reserved - data.Size >= ClusterSize)
        {
            CutSpare(inode, data, data.Size, step);
            inode.Close();
            _mounted.Forget(inode.Record);
            return false;
        }

        extended.Remove(KeptRoomName);
        WriteExtended(inode, extended);
        inode.Close();
        return true;
    }

    private static long KeptRoomOf(ExtendedAttributes extended) =>
        extended.Find(KeptRoomName) is { Length: sizeof(long) } value ? Math.Max(0, BinaryPrimitives.ReadInt64LittleEndian(value)) : 0;
}
