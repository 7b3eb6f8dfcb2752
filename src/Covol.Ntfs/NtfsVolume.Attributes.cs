using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;

namespace Covol.Ntfs;

/// <summary>What an inode is: owner, mode, times, extended attributes.</summary>
public sealed partial class NtfsVolume
{
    private const int PermissionMask = 0xFFF;
    private const int DirectorySize = 4096;

    public InodeAttributes GetAttributes(FileId file) => Ask(() =>
    {
        using var inode = Open(file);
        return Describe(inode);
    });

    public InodeAttributes SetAttributes(FileId file, AttributeChange change) => Change(() =>
    {
        using (var inode = Open(file))
        {
            if (change.Mode is not null || change.Owner is not null || change.Group is not null)
            {
                var attributes = ReadExtended(inode);
                SetOwnership(inode, attributes, change.Mode, change.Owner, change.Group);
                WriteExtended(inode, attributes);
            }

            SetTimes(inode, change.Accessed, change.Modified, change.Changed);
            inode.Close();
        }

        _mounted.Forget(file.Reference.Record);
        using var changed = Open(file);
        return Describe(changed);
    });

    private static bool IsOwn(string name) => name.StartsWith("$LX", StringComparison.OrdinalIgnoreCase);

    private static void CheckUserName(string name)
    {
        if (IsOwn(name))
        {
            throw new VolumeException(
                VolumeError.NotPermitted, $"'{name}' keeps the owner and mode of the file; use chown or chmod.");
        }
    }

    private InodeAttributes Describe(NtfsInode inode)
    {
        var (sequence, links, isDirectory) = inode.Header;
        var times = inode.Times;
        var extended = ReadExtended(inode);
        var kind = KindOf(inode, extended, out var content);
        var mode = (int?)extended.Number(ExtendedAttributes.Mode);
        var data = isDirectory ? null : inode.Data;
        return new InodeAttributes(
            new FileId(new FileReference(inode.Record, sequence), times.Created),
            kind,
            (mode ?? (isDirectory ? _options.DefaultDirectoryMode : _options.DefaultFileMode)) & PermissionMask,
            extended.Number(ExtendedAttributes.Owner) ?? _options.DefaultOwner,
            extended.Number(ExtendedAttributes.Group) ?? _options.DefaultGroup,
            LinkCount(inode, links),
            new ByteCount(kind switch
            {
                FileKind.Directory => DirectorySize,
                FileKind.SymbolicLink => SpecialFiles.Target(content) is { } target ? System.Text.Encoding.UTF8.GetByteCount(target) : 0,
                _ => data?.Size ?? 0,
            }),
            new ByteCount(data?.Allocated ?? 0),
            kind is FileKind.CharacterDevice or FileKind.BlockDevice ? DeviceNumber(inode, extended) : 0,
            new FileTime(times.Accessed),
            new FileTime(times.Modified),
            new FileTime(times.Changed),
            IsPlain: extended.Names.All(name => IsOwn(name) && name != LargeAttributes.ListName));
    }

    /// <summary>Short names do not count, and an orphan has none.</summary>
    private int LinkCount(NtfsInode inode, int links)
    {
        if (inode.Record == RootRecord)
        {
            return 1;
        }

        var names = inode.Names;
        return links == 1 && names.Count == 1 && IsInOrphans(names[0]) ? 0 : names.Count(name => !IsInOrphans(name));
    }

    private bool IsInOrphans(NtfsName name) => new FileReference(name.Parent).Record == _orphanRecord;

    /// <param name="inode">The file.</param>
    /// <param name="extended">Its extended attributes.</param>
    /// <param name="content">Of a symbolic link what <see cref="SpecialFiles.Target"/> reads.</param>
    private FileKind KindOf(NtfsInode inode, ExtendedAttributes extended, out byte[] content)
    {
        content = [];
        if (inode.Header.IsDirectory)
        {
            return FileKind.Directory;
        }

        if (extended.Number(ExtendedAttributes.Mode) is { } mode && SpecialFiles.KindOfMode(mode) is { } special)
        {
            return special;
        }

        if ((inode.Flags & Interop.LibNtfs.FILE_ATTR_REPARSE_POINT) == 0)
        {
            content = InterixContent(inode);
            return SpecialFiles.KindOfInterix(content) ?? FileKind.Regular;
        }

        content = _mounted.ReadReparse(inode);
        return content.Length >= 4 && SpecialFiles.KindOf(BitConverter.ToUInt32(content)) is { } kind ? kind : FileKind.Regular;
    }

    /// <summary>What a small system file holds; empty for all others.</summary>
    private byte[] InterixContent(NtfsInode inode)
    {
        if ((inode.Flags & Interop.LibNtfs.FILE_ATTR_SYSTEM) == 0
            || inode.Data is not { IsEncoded: false, Size: > 0 and <= SpecialFiles.InterixLengthMax } data)
        {
            return [];
        }

        var content = new byte[data.Size];
        using var attribute = new DataAttribute(inode, _mounted);
        return attribute.Read(0, content) == content.Length ? content : [];
    }

    /// <summary>Linux' encoding of st_rdev (kernel new_encode_dev) of the two numbers that $LXDEV, or Interix' content, keeps apart.</summary>
    private uint DeviceNumber(NtfsInode inode, ExtendedAttributes extended)
    {
        var (major, minor) = extended.Find(ExtendedAttributes.Device) is { Length: 8 } value
            ? (BitConverter.ToUInt32(value), BitConverter.ToUInt32(value, 4))
            : SpecialFiles.InterixDevice(InterixContent(inode));
        return (minor & 0xFF) | (major << 8) | ((minor & ~0xFFu) << 12);
    }

    private static void SetDevice(ExtendedAttributes extended, uint device)
    {
        var value = new byte[8];
        BitConverter.TryWriteBytes(value, (device & 0xFFF00) >> 8);
        BitConverter.TryWriteBytes(value.AsSpan(4), (device & 0xFF) | ((device >> 12) & 0xFFF00));
        extended.Set(ExtendedAttributes.Device, value);
    }

    private void SetOwnership(NtfsInode inode, ExtendedAttributes extended, int? mode, uint? owner, uint? group)
    {
        if (mode is { } bits)
        {
            var kind = KindOf(inode, extended, out _);
            extended.SetNumber(ExtendedAttributes.Mode, SpecialFiles.ModeBits(kind) | ((uint)bits & PermissionMask));
        }

        if (owner is { } user)
        {
            extended.SetNumber(ExtendedAttributes.Owner, user);
        }

        if (group is { } of)
        {
            extended.SetNumber(ExtendedAttributes.Group, of);
        }
    }

    private static void SetTimes(NtfsInode inode, FileTime? accessed, FileTime? modified, FileTime? changed)
    {
        if (accessed is null && modified is null && changed is null)
        {
            inode.Touch(modified: false);
            return;
        }

        var now = inode.Times;
        inode.Touch(modified: false);
        inode.SetTimes(now.Created, modified?.Value ?? now.Modified, accessed?.Value ?? now.Accessed, changed?.Value);
    }

    private ExtendedAttributes ReadExtended(NtfsInode inode) => ExtendedAttributes.Decode(_mounted.ReadExtended(inode));

    private void WriteExtended(NtfsInode inode, ExtendedAttributes attributes) =>
        _mounted.WriteExtended(inode, attributes.IsEmpty ? [] : attributes.Encode());
}
