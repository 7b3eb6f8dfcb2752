using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Volume;

namespace Covol.Ntfs;

/// <summary>Rename: several steps of the library, one record of the journal.</summary>
public sealed partial class NtfsVolume
{
    /// <summary>Directories below each other; PATH_MAX allows no more than half of it.</summary>
    private const int DepthMax = 4096;

    private const string ExchangeName = "exchange";

    public FileId? Rename(FileId fromDirectory, string fromName, FileId toDirectory, string toName, RenameMode mode) => Change(() =>
    {
        CheckName(toDirectory, toName);
        var source = FindIn(fromDirectory, fromName, live: false) ?? throw NoSuchName(fromName);
        var target = FindIn(toDirectory, toName, live: true);
        if (mode == RenameMode.NoReplace && target is not null)
        {
            throw new VolumeException(VolumeError.Exists, $"'{toName}' is there already.");
        }

        if (mode == RenameMode.Exchange)
        {
            Exchange(source, fromDirectory, fromName, target ?? throw NoSuchName(toName), toDirectory, toName);
            return null;
        }

        // Two names of one file: POSIX says that nothing is to be done.
        if (target == source)
        {
            return null;
        }

        var sourceIsDirectory = IsDirectory(source);
        if (sourceIsDirectory)
        {
            CheckNotBelow(source, toDirectory);
        }

        var orphan = target is { } replaced ? Replace(replaced, toDirectory, toName, sourceIsDirectory) : null;
        AddName(source, toDirectory.Reference.Record, toName);
        DeleteName(source, fromDirectory.Reference.Record, fromName);
        return orphan;
    });

    private FileId? Replace(ulong target, FileId directory, string name, bool byDirectory)
    {
        bool last;
        using (var inode = _mounted.Open(target))
        {
            CheckRemovable(inode, byDirectory, name);
            last = inode.Names.Count == 1;
        }

        return RemoveName(target, directory.Reference.Record, name, last);
    }

    private void Exchange(ulong source, FileId fromDirectory, string fromName, ulong target, FileId toDirectory, string toName)
    {
        if (target == source)
        {
            return;
        }

        if (IsDirectory(source))
        {
            CheckNotBelow(source, toDirectory);
        }

        if (IsDirectory(target))
        {
            CheckNotBelow(target, fromDirectory);
        }

        var (from, to) = (fromDirectory.Reference.Record, toDirectory.Reference.Record);
        AddName(source, _orphanRecord, ExchangeName);
        DeleteName(source, from, fromName);
        AddName(target, from, fromName);
        DeleteName(target, to, toName);
        AddName(source, to, toName);
        DeleteName(source, _orphanRecord, ExchangeName);
    }

    /// <summary>Walks from the directory to the root; finding the record on the way means it would come to lie below itself
    /// (SAFETY 25).</summary>
    private void CheckNotBelow(ulong record, FileId directory)
    {
        var at = directory.Reference.Record;
        for (var depth = 0; at != RootRecord; depth++)
        {
            if (at == record || depth > DepthMax)
            {
                throw new VolumeException(VolumeError.InvalidArgument, "A directory cannot be moved below itself.");
            }

            using var inode = _mounted.Open(at);
            at = new FileReference(inode.Names[0].Parent).Record;
        }
    }

    private bool IsDirectory(ulong record)
    {
        using var inode = _mounted.Open(record);
        return inode.Header.IsDirectory;
    }

    private ulong? FindIn(FileId directory, string name, bool live)
    {
        using var inode = live ? OpenLiveDirectory(directory) : OpenDirectory(directory);
        return FindVisible(inode, name);
    }
}
