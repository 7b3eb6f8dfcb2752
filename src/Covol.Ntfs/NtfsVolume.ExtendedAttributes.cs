using Covol.Protocol.Ids;
using Covol.Protocol.Volume;

namespace Covol.Ntfs;

/// <summary>Extended attributes of programs: small ones as NTFS keeps them, large ones in streams, which nobody sees as such.</summary>
public sealed partial class NtfsVolume
{
    /// <summary>linux/limits.h, XATTR_SIZE_MAX.</summary>
    private const int AttributeLengthMax = 65_536;

    public byte[]? GetExtendedAttribute(FileId file, string name) => Ask(() =>
    {
        using var inode = Open(file);
        if (IsOwn(name))
        {
            return null;
        }

        var extended = ReadExtended(inode);
        return LargeAttributes.Of(extended).Find(name) is { } large
            ? _mounted.ReadStream(inode, LargeAttributes.StreamName(large.Stream), large.Length)
            : extended.Find(name);
    });

    public void SetExtendedAttribute(FileId file, string name, ReadOnlySpan<byte> value, bool mustExist, bool mustNotExist)
    {
        var copy = value.ToArray();
        Change(() =>
        {
            CheckUserName(name);
            ExtendedAttributes.CheckName(name);
            CheckRoomForNew();
            CheckRoom(copy.Length > LargeAttributes.SmallMax ? copy.Length : 0);
            using var inode = Open(file);
            var extended = ReadExtended(inode);
            var large = LargeAttributes.Of(extended);
            var exists = extended.Find(name) is not null || large.Find(name) is not null;
            if (mustExist && !exists)
            {
                throw new VolumeException(VolumeError.NoSuchAttribute, $"There is no extended attribute '{name}' to replace.");
            }

            if (mustNotExist && exists)
            {
                throw new VolumeException(VolumeError.Exists, $"The extended attribute '{name}' is there already.");
            }

            // All of it is one change: after a crash there is the old value or the new one. One that is replaced by another small one keeps
            // its place and its flags, which may be Windows'.
            if (copy.Length > LargeAttributes.SmallMax || large.Find(name) is not null)
            {
                TakeOut(inode, extended, large, name);
            }

            Put(inode, extended, large, name, copy);
            inode.Touch(modified: false);
            inode.Close();
            return true;
        });
    }

    public IReadOnlyList<string> ListExtendedAttributes(FileId file) => Ask<IReadOnlyList<string>>(() =>
    {
        using var inode = Open(file);
        var extended = ReadExtended(inode);
        return
        [
            .. extended.Names.Where(name => !IsOwn(name)).Concat(LargeAttributes.Of(extended).Names).Order(StringComparer.Ordinal),
        ];
    });

    public void RemoveExtendedAttribute(FileId file, string name) => Change(() =>
    {
        CheckUserName(name);
        using var inode = Open(file);
        var extended = ReadExtended(inode);
        var large = LargeAttributes.Of(extended);
        if (!TakeOut(inode, extended, large, name))
        {
            throw new VolumeException(VolumeError.NoSuchAttribute, $"There is no extended attribute '{name}'.");
        }

        large.StoreIn(extended);
        WriteExtended(inode, extended);
        inode.Touch(modified: false);
        inode.Close();
        return true;
    });

    private bool TakeOut(NtfsInode inode, ExtendedAttributes extended, LargeAttributes large, string name)
    {
        if (large.Find(name) is not { } present)
        {
            return extended.Remove(name);
        }

        _mounted.RemoveStream(inode, LargeAttributes.StreamName(present.Stream));
        large.Remove(name);
        return true;
    }

    private void Put(NtfsInode inode, ExtendedAttributes extended, LargeAttributes large, string name, byte[] value)
    {
        if (value.Length > AttributeLengthMax)
        {
            throw new VolumeException(VolumeError.NoSpace, $"An extended attribute has at most {AttributeLengthMax} bytes, not {value.Length}.");
        }

        if (value.Length > LargeAttributes.SmallMax)
        {
            _mounted.AddStream(inode, LargeAttributes.StreamName(large.Add(name, value.Length)), value);
        }
        else
        {
            extended.Set(name, value);
        }

        large.StoreIn(extended);
        WriteExtended(inode, extended);
    }
}
