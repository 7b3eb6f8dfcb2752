using Covol.Ntfs;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;

namespace Covol.Tests.Ntfs.Support;

/// <summary>Random changes of a volume that a seed repeats exactly. Refusals are part of it.</summary>
internal sealed class RandomWork(NtfsVolume volume, Random random, WorkMix mix, Action<FileId, long> write, Action<FileId> fill)
{
    private const int NamesMax = 40;
    private const string NamePrefix = "a name that is not short, so that a directory soon needs index blocks ";

    public void Change()
    {
        try
        {
            Do(mix.Pick(random));
        }
        catch (VolumeException)
        {
            // A refused change changes nothing, which the trees show.
        }
    }

    private void Do(WorkKind kind)
    {
        switch (kind)
        {
            case WorkKind.Create:
                volume.Create(Directory(), Name(), new NewInode(FileKind.Regular, 0x180, (uint)random.Next(3), 0));
                break;
            case WorkKind.CreateDirectory:
                volume.Create(Directory(), Name(), new NewInode(FileKind.Directory, 0x1C0, 0, 0));
                break;
            case WorkKind.CreateLink:
                volume.Create(
                    Directory(), Name(), new NewInode(FileKind.SymbolicLink, 0x1FF, 0, 0, Target: new string('t', random.Next(1, 1000))));
                break;
            case WorkKind.Extend:
                volume.Extend(File(), new ByteCount(random.Next(1, mix.LengthMax)));
                break;
            case WorkKind.Preallocate:
                volume.Preallocate(File(), new ByteCount(random.Next(1, 2 * mix.LengthMax)));
                break;
            case WorkKind.Trim:
                volume.TrimStep(File());
                break;
            case WorkKind.Write:
                write(File(), random.Next(1, mix.LengthMax));
                break;
            case WorkKind.Cut:
                volume.ShrinkStep(File(), new ByteCount(random.Next(mix.LengthMax / 2)));
                break;
            case WorkKind.Unlink:
                Unlink();
                break;
            case WorkKind.Link:
                volume.Link(File(), Directory(), Name());
                break;
            case WorkKind.Rename:
                volume.Rename(Directory(), Name(), Directory(), Name(), (RenameMode)random.Next(3));
                break;
            case WorkKind.SetAttributes:
                volume.SetAttributes(File(), new AttributeChange { Mode = random.Next(0x1000), Owner = (uint)random.Next(100) });
                break;
            case WorkKind.SetExtended:
                volume.SetExtendedAttribute(File(), $"user.{random.Next(4)}", Value(), false, false);
                break;
            case WorkKind.RemoveExtended:
                volume.RemoveExtendedAttribute(File(), $"user.{random.Next(4)}");
                break;
            case WorkKind.Stretch:
                volume.Stretch(File(), new ByteCount(random.Next(1, 2 * mix.LengthMax)));
                break;
            case WorkKind.Allocate:
                Allocate(File());
                break;
            case WorkKind.Fill:
                fill(File());
                break;
            case WorkKind.Punch:
                Punch(File());
                break;
            case WorkKind.WriteSmall:
                WriteSmall(File());
                break;
            case WorkKind.Remove:
                Remove();
                break;
            default:
                Purge();
                break;
        }
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

    /// <summary>Now and then one that is too large for NTFS's own extended attributes.</summary>
    private byte[] Value()
    {
        var value = new byte[random.Next(3) == 0 ? random.Next(65_537) : random.Next(3_000)];
        value.AsSpan().Fill((byte)random.Next(256));
        return value;
    }

    /// <summary>Somewhere behind valid length.</summary>
    private void Allocate(FileId file)
    {
        var map = volume.Map(file);
        if (!map.IsResident)
        {
            var from = Up(map.ValidLength.Value) + random.Next(mix.LengthMax);
            volume.Allocate(file, new FileByteOffset(from), new FileByteOffset(from + random.Next(1, mix.LengthMax)));
        }
    }

    private void Punch(FileId file)
    {
        var map = volume.Map(file);
        if (!map.IsResident && map.Size.Value > 0)
        {
            var clusters = (int)(Up(map.Size.Value) / volume.ClusterSize);
            var from = random.Next(clusters);
            var to = from + random.Next(1, clusters - from + 1);
            volume.PunchStep(
                file, new FileByteOffset((long)from * volume.ClusterSize), new FileByteOffset((long)to * volume.ClusterSize));
        }
    }

    /// <summary>The journal takes the data: from somewhere within the file on, or at its end.</summary>
    private void WriteSmall(FileId file)
    {
        var size = volume.Map(file).Size.Value;
        var isAppend = random.Next(3) == 0;
        var start = isAppend || size > INtfsSmallFiles.SmallMax ? size : random.Next((int)size + 1);
        var data = FilePattern.Bytes(file, start, random.Next(1, Math.Min(mix.LengthMax, INtfsSmallFiles.SmallMax / 3)));
        volume.TryWrite(file, isAppend ? null : start, data, new FileTime(130_000_000_000_000_000 + random.Next(1000)));
    }

    private void Remove()
    {
        var directory = Directory();
        var name = Name();
        if (volume.Lookup(directory, name) is { Kind: FileKind.Regular } found)
        {
            volume.TryRemove(directory, name, found.File);
        }
    }

    private long Up(long position) => (position + volume.ClusterSize - 1) / volume.ClusterSize * volume.ClusterSize;

    private string Name() => $"{NamePrefix}{random.Next(NamesMax)}";

    private FileId Directory()
    {
        var directories = volume.List(volume.Root).Where(entry => entry.Kind == FileKind.Directory).ToList();
        return directories.Count == 0 || random.Next(2) == 0 ? volume.Root : directories[random.Next(directories.Count)].File;
    }

    private FileId File()
    {
        // What fills the volume stays, or it would soon be empty.
        var files = volume.List(Directory())
            .Where(entry => entry.Kind == FileKind.Regular && entry.Name.StartsWith(NamePrefix, StringComparison.Ordinal)).ToList();
        return files.Count > 0
            ? files[random.Next(files.Count)].File
            : throw new VolumeException(VolumeError.NotFound, "There is no file to change yet.");
    }
}
