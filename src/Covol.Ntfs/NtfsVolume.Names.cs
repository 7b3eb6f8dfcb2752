using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Volume;

namespace Covol.Ntfs;

/// <summary>Names: look-up, listing, create, link, unlink.</summary>
public sealed partial class NtfsVolume
{
    /// <summary>Names of one inode; NTFS counts them with 16 bits, Windows stops here.</summary>
    private const int LinksMax = 1024;

    public InodeAttributes? Lookup(FileId directory, string name) => Ask(() =>
    {
        if (name.Length > FileNames.LengthMax)
        {
            throw new VolumeException(VolumeError.NameTooLong, $"A name has at most {FileNames.LengthMax} UTF-16 units on NTFS.");
        }

        ulong? record;
        using (var parent = OpenDirectory(directory))
        {
            record = FindVisible(parent, name);
        }

        if (record is not { } found)
        {
            return null;
        }

        using var inode = _mounted.Open(found);
        return Describe(inode);
    });

    public IReadOnlyList<DirectoryEntry> List(FileId directory) => Ask<IReadOnlyList<DirectoryEntry>>(() =>
    {
        List<(string Name, ulong Reference)> names;
        using (var inode = OpenDirectory(directory))
        {
            names = _mounted.List(inode);
        }

        var entries = new List<DirectoryEntry>(names.Count);
        foreach (var (name, reference) in names)
        {
            var record = new FileReference(reference).Record;
            if (name is not ("." or "..") && IsReachable(record) && record != RootRecord)
            {
                using var inode = _mounted.Open(record);
                var kind = KindOf(inode, ReadExtended(inode), out _);
                entries.Add(new DirectoryEntry(name, IdOf(inode), kind));
            }
        }

        entries.Sort((left, right) => string.CompareOrdinal(left.Name, right.Name));
        return entries;
    });

    public string ReadLink(FileId file) => Ask(() =>
    {
        using var inode = Open(file);
        return KindOf(inode, ReadExtended(inode), out var content) == FileKind.SymbolicLink && SpecialFiles.Target(content) is { } target
            ? target
            : throw new VolumeException(VolumeError.InvalidArgument, $"{file} is not a symbolic link.");
    });

    public InodeAttributes Create(FileId directory, string name, NewInode inode) => Change(() =>
    {
        ulong record;
        CheckName(directory, name);
        CheckRoomForNew();
        var reparse = inode.Kind == FileKind.SymbolicLink ? SpecialFiles.EncodeLink(inode.Target) : [];
        using (var parent = OpenLiveDirectory(directory))
        {
            CheckFree(parent, name);
            using var created = _mounted.Create(parent, name, inode.Kind == FileKind.Directory);
            record = created.Record;
            if (reparse.Length > 0)
            {
                _mounted.WriteReparse(created, reparse);
            }

            WriteExtended(created, OwnershipOf(inode));
            parent.Touch(modified: true);

            // The directory first: closing the file opens its directory.
            parent.Close();
            created.Close();
        }

        using var result = _mounted.Open(record);
        return Describe(result);
    });

    public InodeAttributes Link(FileId file, FileId directory, string name) => Change(() =>
    {
        CheckName(directory, name);
        CheckRoomForNew();
        using (var inode = Open(file))
        {
            if (inode.Header.IsDirectory)
            {
                throw new VolumeException(VolumeError.NotPermitted, "A directory has one name only.");
            }

            var names = inode.Names;
            if (names.Any(IsInOrphans))
            {
                throw new VolumeException(VolumeError.NotFound, $"{file} is deleted; it cannot get a name again.");
            }

            if (names.Count >= LinksMax)
            {
                throw new VolumeException(VolumeError.TooManyLinks, $"A file has at most {LinksMax} names.");
            }
        }

        using (var parent = OpenLiveDirectory(directory))
        {
            CheckFree(parent, name);
        }

        AddName(file.Reference.Record, directory.Reference.Record, name);
        using var result = Open(file);
        return Describe(result);
    });

    public FileId? Unlink(FileId directory, string name, bool isDirectory) => Change(() =>
    {
        ulong record;
        using (var parent = OpenDirectory(directory))
        {
            record = FindVisible(parent, name) ?? throw NoSuchName(name);
        }

        bool last;
        using (var inode = _mounted.Open(record))
        {
            CheckRemovable(inode, isDirectory, name);
            last = inode.Names.Count == 1;
        }

        return RemoveName(record, directory.Reference.Record, name, last);
    });

    private static VolumeException NoSuchName(string name) => new(VolumeError.NotFound, $"There is no '{name}'.");

    private static ExtendedAttributes OwnershipOf(NewInode inode)
    {
        var attributes = new ExtendedAttributes();
        attributes.SetNumber(ExtendedAttributes.Owner, inode.Owner);
        attributes.SetNumber(ExtendedAttributes.Group, inode.Group);
        attributes.SetNumber(ExtendedAttributes.Mode, SpecialFiles.ModeBits(inode.Kind) | ((uint)inode.Mode & PermissionMask));
        if (inode.Kind is FileKind.CharacterDevice or FileKind.BlockDevice)
        {
            SetDevice(attributes, inode.Device);
        }

        return attributes;
    }

    /// <summary>Directories that are not empty stay.</summary>
    private void CheckRemovable(NtfsInode inode, bool isDirectory, string name)
    {
        if (inode.Header.IsDirectory != isDirectory)
        {
            throw isDirectory
                ? new VolumeException(VolumeError.NotDirectory, $"'{name}' is not a directory.")
                : new VolumeException(VolumeError.IsDirectory, $"'{name}' is a directory.");
        }

        if (isDirectory && !_mounted.IsEmptyDirectory(inode))
        {
            throw new VolumeException(VolumeError.NotEmpty, $"The directory '{name}' is not empty.");
        }
    }

    /// <summary>Takes a name away; an inode with no other one moves to the orphan folder and is returned.</summary>
    private FileId? RemoveName(ulong record, ulong directory, string name, bool last)
    {
        if (last)
        {
            FileId id;
            using (var inode = _mounted.Open(record))
            {
                id = IdOf(inode);
            }

            AddName(record, _orphanRecord, OrphanName(id));
            DeleteName(record, directory, name);
            return id;
        }

        DeleteName(record, directory, name);
        return null;
    }

    private void AddName(ulong record, ulong directory, string name)
    {
        using var inode = _mounted.Open(record);
        using var parent = _mounted.Open(directory);
        _mounted.Link(inode, parent, name);
        parent.Touch(modified: true);
        inode.Touch(modified: false);
        parent.Close();
        inode.Close();
    }

    private void DeleteName(ulong record, ulong directory, string name)
    {
        using var inode = _mounted.Open(record);
        using var parent = _mounted.Open(directory);
        _mounted.Delete(inode, parent, name);
    }

    private void CheckName(FileId directory, string name) =>
        FileNames.Check(name, directory.Reference.Record == RootRecord, _options.WindowsNames);

    private void CheckFree(NtfsInode parent, string name)
    {
        if (_mounted.Find(parent, name) is not null)
        {
            throw new VolumeException(VolumeError.Exists, $"'{name}' is there already.");
        }
    }

    /// <summary>The record a name leads to; null for none and for names that nobody sees.</summary>
    private ulong? FindVisible(NtfsInode parent, string name)
    {
        if (name.Length == 0 || name is "." or ".." || FileNames.IsHidden(name, parent.Record == RootRecord))
        {
            return null;
        }

        return _mounted.Find(parent, name) is { } reference && new FileReference(reference).Record is var record && IsReachable(record)
            ? record
            : null;
    }

    private bool IsReachable(ulong record) =>
        record == RootRecord || (record >= FirstUserRecord && record != _journalRecord && record != _orphanRecord);

    /// <summary>Opens the file this id names and no other; Stale when it is gone.</summary>
    private NtfsInode Open(FileId file)
    {
        var inode = IsReachable(file.Reference.Record) ? _mounted.TryOpen(file.Reference.Record) : null;
        if (inode is not null && IdOf(inode) == file)
        {
            return inode;
        }

        inode?.Dispose();
        throw new VolumeException(VolumeError.Stale, $"{file} does not exist any more.");
    }

    private NtfsInode OpenDirectory(FileId directory)
    {
        var inode = Open(directory);
        if (inode.Header.IsDirectory)
        {
            return inode;
        }

        inode.Dispose();
        throw new VolumeException(VolumeError.NotDirectory, $"{directory} is not a directory.");
    }

    /// <summary>A directory that may get names: not one that was removed while somebody has it open.</summary>
    private NtfsInode OpenLiveDirectory(FileId directory)
    {
        var inode = OpenDirectory(directory);
        if (!inode.Names.Any(IsInOrphans))
        {
            return inode;
        }

        inode.Dispose();
        throw new VolumeException(VolumeError.NotFound, $"{directory} was removed; nothing can be put into it.");
    }

    private FileId IdOf(ulong record)
    {
        using var inode = _mounted.Open(record);
        return IdOf(inode);
    }

    private static FileId IdOf(NtfsInode inode) =>
        new(new FileReference(inode.Record, inode.Header.Sequence), inode.Times.Created);
}
