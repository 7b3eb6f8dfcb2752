using Covol.Lun;
using Covol.Ntfs.Journal;
using Covol.Protocol;
using Covol.Protocol.Ids;
using Covol.Protocol.Journal;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;

namespace Covol.Ntfs;

/// <summary>
/// <see cref="INtfsVolume"/> by libntfs-3g over a <see cref="JournaledDevice"/>. Belongs to the thread that opened it. Each
/// change is undone as a whole
/// when it is refused half way: the overlay goes back to what it was and the library reads the volume anew.
/// </summary>
public sealed partial class NtfsVolume : INtfsVolume, IEngineReads
{
    private const ulong RootRecord = 5;

    /// <summary>MFT records below belong to NTFS itself (layout.h, FILE_first_user); all but the root are out of reach.</summary>
    private const ulong FirstUserRecord = 24;

    private readonly JournaledDevice _device;
    private readonly NtfsOptions _options;
    private readonly JournalControls _controls;
    private readonly MountedVolume _mounted;
    private readonly ulong _journalRecord;
    private readonly ulong _orphanRecord;
    private bool _broken;
    private bool _disposed;

    private NtfsVolume(
        JournaledDevice device, VolumeGeometry geometry, JournalLocator locator, NtfsOptions options, JournalControls controls)
    {
        _device = device;
        _options = options;
        _controls = controls;
        Geometry = geometry;
        _mounted = new MountedVolume(device);
        try
        {
            _journalRecord = FindOwn(FileNames.Journal);
            _orphanRecord = FindOwn(FileNames.Orphans);
            CheckJournalPlace(locator);
            Root = IdOf(RootRecord);
            _device.Guard(
                VolumeFingerprint.SectorsOf(geometry, _mounted.RunsOf(Interop.LibNtfs.FILE_MFT), _mounted.RunsOf(Interop.LibNtfs.FILE_LogFile)));
        }
        catch
        {
            _mounted.Dispose();
            throw;
        }
    }

    public int ClusterSize => Geometry.ClusterSize;

    public FileId Root { get; }

    public double JournalUse => _device.Use;

    internal VolumeGeometry Geometry { get; }

    /// <summary>Committed pages that are not in their places on the LUN, by page number: for tests that compare what it should hold.</summary>
    internal IReadOnlyDictionary<long, byte[]> NotInPlace => _device.NotInPlace;

    /// <summary>
    /// Recovers the volume from its journal (everything committed is carried out, in the new epoch nothing older counts) and
    /// mounts it. The caller
    /// owns the device and has fenced every older coordinator. Throws <see cref="NtfsRefusedException"/> with a sentence when
    /// the LUN holds no volume of
    /// ours, is in a newer epoch, or was changed by another program.
    /// </summary>
    public static (NtfsVolume Volume, JournalRecovery Recovery) Open(IBlockDevice device, Epoch epoch, NtfsOptions options) =>
        Open(device, epoch, options, JournalControls.All);

    internal static (NtfsVolume Volume, JournalRecovery Recovery) Open(
        IBlockDevice device, Epoch epoch, NtfsOptions options, JournalControls controls)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(options);
        LibNtfsLoader.Use();
        var (geometry, locator) = VolumeGeometry.ReadWithLocator(device);
        var (journal, recovery) = RedoJournal.Recover(device, locator, epoch, controls);
        var overlay = new JournaledDevice(device, journal, locator, controls, options.CleanPagesMax);
        return (new NtfsVolume(overlay, geometry, locator, options, controls), recovery);
    }

    /// <summary>
    /// Takes away what makes it a volume of ours, the locator excepted; after the commit it can only be closed. The orphan folder is empty.
    /// </summary>
    internal void RemoveOwnFiles() => Change(() =>
    {
        _mounted.DeleteOwnFile(FileNames.Orphans);
        _mounted.DeleteOwnFile(FileNames.Journal);
        return true;
    });

    public void Commit(ReadOnlySpan<byte> callerState)
    {
        AssertUsable();
        try
        {
            _device.Commit(callerState);
        }
        catch
        {
            _broken = true;
            throw;
        }
    }

    public bool MustCheckpointBefore(IReadOnlyList<FileExtent> grant)
    {
        AssertUsable();
        return _device.MustCheckpointBefore(grant);
    }

    public bool WriteBackStep()
    {
        AssertUsable();
        try
        {
            return _device.WriteBackStep();
        }
        catch
        {
            _broken = true;
            throw;
        }
    }

    public void Checkpoint(ReadOnlySpan<byte> callerState)
    {
        AssertUsable();
        try
        {
            _device.Checkpoint(callerState);
        }
        catch
        {
            _broken = true;
            throw;
        }
    }

    /// <summary>Unmounts. What was not committed is lost.</summary>
    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _mounted.Dispose();
        }
    }

    private T Ask<T>(Func<T> question)
    {
        AssertUsable();
        try
        {
            return question();
        }
        catch (Exception failure) when (failure is not VolumeException)
        {
            _broken = true;
            throw;
        }
    }

    private void AssertUsable()
    {
        _mounted.AssertCurrent();
        ObjectDisposedException.ThrowIf(_disposed, this);
        Invariant.Holds(!_broken, "A volume was used after it had failed.");
    }

    private ulong FindOwn(string name)
    {
        using var root = _mounted.Open(RootRecord);
        return _mounted.Find(root, name) is { } reference
            ? new FileReference(reference).Record
            : throw new NtfsRefusedException(
                $"The volume has no '{name}': it was removed by another program. Restore the volume or format it anew.");
    }

    private void CheckJournalPlace(JournalLocator locator)
    {
        var runs = _mounted.RunsOf(_journalRecord);
        if (runs.Count != 1 || runs[0].Lcn * ClusterSize != locator.Start.Value || runs[0].Length * ClusterSize < locator.Length.Value)
        {
            throw new NtfsRefusedException(
                $"'{FileNames.Journal}' is not where the volume's locator says: it was moved, probably by a "
                + "defragmentation. Format the volume anew, or "
                + "restore it.");
        }
    }
}
