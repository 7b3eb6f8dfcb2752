using Covol.Ntfs;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;

namespace Covol.Tests.Ntfs.Support;

/// <summary>Random changes of a volume that a seed repeats exactly. Refusals are part of it.</summary>
internal sealed class RandomWork(NtfsVolume volume, Random random)
{
    private const int NamesMax = 40;

    public void Step()
    {
        try
        {
            Do(random.Next(12));
        }
        catch (VolumeException)
        {
            // A refused change changes nothing, which the trees show.
        }
    }

    private void Do(int kind)
    {
        switch (kind)
        {
            case 0 or 1:
                volume.Create(Directory(), Name(), new NewInode(FileKind.Regular, 0x180, (uint)random.Next(3), 0));
                break;
            case 2:
                volume.Create(Directory(), Name(), new NewInode(FileKind.Directory, 0x1C0, 0, 0));
                break;
            case 3:
                volume.Create(Directory(), Name(), new NewInode(FileKind.SymbolicLink, 0x1FF, 0, 0, Target: $"target{random.Next(100)}"));
                break;
            case 4 or 5:
                volume.Extend(File(), new ByteCount(random.Next(1, 400_000)));
                break;
            case 6:
                Valid();
                break;
            case 7:
                volume.ShrinkStep(File(), new ByteCount(random.Next(200_000)));
                break;
            case 8:
                Unlink();
                break;
            case 9:
                volume.Link(File(), Directory(), Name());
                break;
            case 10:
                volume.Rename(Directory(), Name(), Directory(), Name(), (RenameMode)random.Next(3));
                break;
            default:
                Purge();
                break;
        }
    }

    private void Valid()
    {
        var file = File();
        var size = volume.Map(file).Size.Value;
        volume.SetValidLength(file, new ByteCount(random.NextInt64(size + 1)), new FileTime(130_000_000_000_000_000 + random.Next(1000)));
    }

    private void Unlink()
    {
        var directory = Directory();
        var name = Name();
        var isDirectory = volume.Lookup(directory, name)?.Kind == FileKind.Directory;
        volume.Unlink(directory, name, isDirectory);
    }

    private void Purge()
    {
        var orphans = volume.Orphans();
        if (orphans.Count > 0)
        {
            volume.PurgeOrphanStep(orphans[random.Next(orphans.Count)]);
        }
    }

    private string Name() => $"a name that is not short, so that a directory soon needs index blocks {random.Next(NamesMax)}";

    private FileId Directory()
    {
        var directories = volume.List(volume.Root).Where(entry => entry.Kind == FileKind.Directory).ToList();
        return directories.Count == 0 || random.Next(2) == 0 ? volume.Root : directories[random.Next(directories.Count)].File;
    }

    private FileId File()
    {
        var files = volume.List(Directory()).Where(entry => entry.Kind == FileKind.Regular).ToList();
        return files.Count > 0
            ? files[random.Next(files.Count)].File
            : throw new VolumeException(VolumeError.NotFound, "There is no file to change yet.");
    }
}
