using Covol.Ntfs;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Simulation.Disk;
using Covol.Simulation.Parts;

namespace Covol.Simulation.Engine;

/// <summary>
/// The real engine as a world sees it: files under the world's birth stamps, no times of the wall clock, and each commit told to the checkers
/// with where the files that it changed lie.
/// </summary>
internal sealed class EngineVolume(EngineDisk disk, NtfsVolume real, LunNexus device, Rules rules, Epoch epoch, string process)
    : INtfsVolume, INtfsHoles, INtfsSmallFiles, IEngineReads
{
    /// <summary>Times of the world begin with 2026; what is later than its first days was stamped by the wall clock.</summary>
    private static readonly long s_worldTimesEnd = new DateTime(2026, 1, 3, 0, 0, 0, DateTimeKind.Utc).ToFileTimeUtc();

    private readonly HashSet<FileId> _touched = [];

    public int ClusterSize => real.ClusterSize;

    public FileId Root => disk.Seen(real.Root);

    public bool HasHoles => rules.MakesHoles;

    public bool HasRoomForChange => real.HasRoomForChange;

    public double JournalUse => real.JournalUse;

    public InodeAttributes? Lookup(FileId directory, string name) =>
        real.Lookup(disk.Real(directory), name) is { } found ? Seen(found) : null;

    public InodeAttributes GetAttributes(FileId file) => Seen(real.GetAttributes(disk.Real(file)));

    public InodeAttributes SetAttributes(FileId file, AttributeChange change) => Seen(real.SetAttributes(disk.Real(file), change));

    public InodeAttributes Create(FileId directory, string name, NewInode inode) => Seen(real.Create(disk.Real(directory), name, inode));

    public InodeAttributes Link(FileId file, FileId directory, string name) =>
        Seen(real.Link(disk.Real(file), disk.Real(directory), name));

    public FileId? Unlink(FileId directory, string name, bool isDirectory) => Seen(real.Unlink(disk.Real(directory), name, isDirectory));

    public FileId? Rename(FileId fromDirectory, string fromName, FileId toDirectory, string toName, RenameMode mode) =>
        Seen(real.Rename(disk.Real(fromDirectory), fromName, disk.Real(toDirectory), toName, mode));

    public string ReadLink(FileId file) => real.ReadLink(disk.Real(file));

    public IReadOnlyList<DirectoryEntry> List(FileId directory) =>
        [.. real.List(disk.Real(directory)).Select(entry => entry with { File = disk.Seen(entry.File) })];

    public (IReadOnlyList<(string Name, FileReference File)> Names, bool IsLast) NamesAfter(FileId directory, string? after, int max) =>
        real.NamesAfter(disk.Real(directory), after, max);

    public DirectoryEntry? EntryOf(FileId directory, string name, FileReference file, bool withAttributes = false) =>
        real.EntryOf(disk.Real(directory), name, file, withAttributes) is { } entry
            ? entry with { File = disk.Seen(entry.File), Attributes = entry.Attributes is { } attributes ? Seen(attributes) : null }
            : null;

    public FileReference ParentOf(FileId directory) => real.ParentOf(disk.Real(directory));

    public InodeAttributes CreateNameless(NewInode inode) => Seen(real.CreateNameless(inode));

    public InodeAttributes LinkNameless(FileId file, FileId directory, string name) =>
        Seen(real.LinkNameless(disk.Real(file), disk.Real(directory), name));

    public FileMap Map(FileId file) => real.Map(disk.Real(file));

    public FileMap Extend(FileId file, ByteCount size) => real.Extend(Touched(file), size);

    public FileMap Preallocate(FileId file, ByteCount length) => real.Preallocate(Touched(file), length);

    public FileMap TrimStep(FileId file) => real.TrimStep(Touched(file));

    public bool ShrinkStep(FileId file, ByteCount size) => real.ShrinkStep(Touched(file), size);

    public void SetValidLength(FileId file, ByteCount validLength, FileTime modified) =>
        real.SetValidLength(Touched(file), validLength, modified);

    public FileMap Stretch(FileId file, ByteCount size) => real.Stretch(Touched(file), size);

    public FileMap Allocate(FileId file, FileByteOffset from, FileByteOffset to) => real.Allocate(Touched(file), from, to);

    public FileMap AddSpare(FileId file, ByteCount length) => real.AddSpare(Touched(file), length);

    public FileMap Fill(FileId file, IReadOnlyList<FileExtent> filled) => real.Fill(Touched(file), filled);

    public void KeepRoom(FileId file, ByteCount length) => real.KeepRoom(Touched(file), length);

    public ByteCount RoomKept(FileId file) => real.RoomKept(disk.Real(file));

    public bool PunchStep(FileId file, FileByteOffset from, FileByteOffset to) => real.PunchStep(Touched(file), from, to);

    public byte[] Read(FileId file, long position, int length) => real.Read(disk.Real(file), position, length);

    public (FileByteOffset Start, ByteCount Size)? TryWrite(FileId file, long? position, ReadOnlyMemory<byte> data, FileTime modified) =>
        real.TryWrite(Touched(file), position, data, modified);

    public byte[]? TryRead(FileId file, long position, int length) => real.TryRead(disk.Real(file), position, length);

    public bool TryRemove(FileId directory, string name, FileId file) => real.TryRemove(disk.Real(directory), name, Touched(file));

    public byte[]? GetExtendedAttribute(FileId file, string name) => real.GetExtendedAttribute(disk.Real(file), name);

    public void SetExtendedAttribute(FileId file, string name, ReadOnlySpan<byte> value, bool mustExist, bool mustNotExist) =>
        real.SetExtendedAttribute(disk.Real(file), name, value, mustExist, mustNotExist);

    public IReadOnlyList<string> ListExtendedAttributes(FileId file) => real.ListExtendedAttributes(disk.Real(file));

    public void RemoveExtendedAttribute(FileId file, string name) => real.RemoveExtendedAttribute(disk.Real(file), name);

    public IReadOnlyList<FileId> Orphans() => [.. real.Orphans().Select(disk.Seen)];

    public bool PurgeOrphanStep(FileId orphan) => real.PurgeOrphanStep(Touched(orphan));

    public (ByteCount Total, ByteCount Free, long FreeInodes, long TotalInodes) GetSpace() => real.GetSpace();

    public bool MustCheckpointBefore(IReadOnlyList<FileExtent> grant) => real.MustCheckpointBefore(grant) && rules.ChecksJournalBeforeGrant;

    public bool WriteBackStep() => real.WriteBackStep();

    public void Checkpoint(ReadOnlySpan<byte> callerState) => real.Checkpoint(rules.KeepsStateAtCheckpoint ? callerState : default);

    public void Commit(ReadOnlySpan<byte> callerState)
    {
        var writes = device.Writes;
        real.Commit(callerState);
        if (device.Writes == writes)
        {
            // There was nothing to commit, so the LUN was not asked whether this process may.
            return;
        }

        var touched = _touched.Select(file => (file.Reference.Record, MapOf(file))).ToList();
        _touched.Clear();
        var change = callerState.ToArray();
        disk.Watch!.EngineCommitted(process, epoch.Value, change, touched, ValidLengthOf);
        disk.Told(change);
    }

    /// <summary>Null: it is gone.</summary>
    public long? ValidLengthOf(FileId file) => MapOf(disk.Real(file))?.ValidLength.Value;

    /// <summary>Where every file of the volume lies; programs of the worlds make no directories.</summary>
    public IReadOnlyList<(ulong Record, FileMap? Map)> Files() =>
        [.. real.List(real.Root).Where(entry => entry.Kind == FileKind.Regular).Select(entry => entry.File)
            .Concat(real.Orphans())
            .Select(file => (file.Reference.Record, MapOf(file)))];

    public void Dispose() => real.Dispose();

    private FileMap? MapOf(FileId file)
    {
        try
        {
            return real.Map(file);
        }
        catch (VolumeException refusal) when (refusal.Error == VolumeError.Stale)
        {
            return null;
        }
    }

    private FileId Touched(FileId seen)
    {
        var file = disk.Real(seen);
        _touched.Add(file);
        return file;
    }

    private FileId? Seen(FileId? file) => file is { } there ? disk.Seen(there) : null;

    private InodeAttributes Seen(InodeAttributes attributes) => attributes with
    {
        File = disk.Seen(attributes.File),
        Accessed = OfWorld(attributes.Accessed),
        Modified = OfWorld(attributes.Modified),
        Changed = OfWorld(attributes.Changed),
    };

    private static FileTime OfWorld(FileTime time) => time.Value < s_worldTimesEnd ? time : default;
}
