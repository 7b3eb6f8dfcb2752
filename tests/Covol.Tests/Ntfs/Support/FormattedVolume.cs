using Covol.Ntfs;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;

namespace Covol.Tests.Ntfs.Support;

/// <summary>A freshly formatted volume in memory, made once.</summary>
internal static class FormattedVolume
{
    private static readonly NewInode s_file = new(FileKind.Regular, 0x1A4, 0, 0);
    private static readonly Lazy<SnapshotDevice> s_small = new(() => Make(ByteCount.FromMebibytes(32), ByteCount.FromMebibytes(2)));

    private static readonly Lazy<SnapshotDevice> s_tight = new(() => Make(ByteCount.FromMebibytes(32), ByteCount.FromMebibytes(1)));
    private static readonly Lazy<SnapshotDevice> s_large = new(() => Make(ByteCount.FromMebibytes(32), ByteCount.FromMebibytes(2), 4096));
    private static readonly Lazy<SnapshotDevice> s_full = new(() => Worked(volume => Fill(volume, 40_960)));
    private static readonly Lazy<SnapshotDevice> s_fragmented = new(() => Worked(Fragment));

    /// <summary>32 MiB with a journal of 2 MiB.</summary>
    public static SnapshotDevice Small() => Copy(s_small);

    /// <summary>32 MiB with the smallest journal there is, whose laps are short.</summary>
    public static SnapshotDevice Tight() => Copy(s_tight);

    /// <summary>32 MiB, made on a LUN whose blocks have 4096 bytes.</summary>
    public static SnapshotDevice LargeSectors() => Copy(s_large);

    /// <summary>A small volume with 40 KiB left.</summary>
    public static SnapshotDevice Full() => Copy(s_full);

    /// <summary>A small volume whose free clusters lie in single ones and pairs, with no larger hole.</summary>
    public static SnapshotDevice Fragmented() => Copy(s_fragmented);

    public static SnapshotDevice Make(ByteCount size, ByteCount journal, int block = 512)
    {
        var device = new SnapshotDevice(size);
        NtfsFormatter.Format(
            block == 512 ? device : new LargeBlockDevice(device), new NtfsFormatOptions { Label = "test", JournalLength = journal });
        return device;
    }

    private static SnapshotDevice Copy(Lazy<SnapshotDevice> made)
    {
        lock (made)
        {
            return made.Value.Snapshot();
        }
    }

    private static SnapshotDevice Worked(Action<NtfsVolume> work)
    {
        var device = Small();
        using var volume = NtfsVolume.Open(device, new Epoch(0), NtfsOptions.Default).Volume;
        work(volume);
        volume.Commit([]);
        volume.Checkpoint([]);
        return device;
    }

    private static void Fill(NtfsVolume volume, long left)
    {
        var rest = volume.Create(volume.Root, "rest", s_file).File;
        volume.Extend(rest, volume.GetSpace().Free - new ByteCount(left));
    }

    private static void Fragment(NtfsVolume volume)
    {
        var pieces = Enumerable.Range(0, 600).Select(index => $"piece{index}")
            .Select(name => (Name: name, volume.Create(volume.Root, name, s_file).File)).ToList();
        foreach (var (name, file) in pieces)
        {
            volume.Extend(file, new ByteCount(4096 * (1 + (name.Length % 2))));
            volume.Commit([]);
        }

        Fill(volume, 40_960);
        volume.Commit([]);

        // Every second in the order in which they lie.
        var ordered = pieces.OrderBy(piece => volume.Map(piece.File).Extents[0].LunStart.Value).ToList();
        foreach (var (name, _) in ordered.Where((_, index) => index % 2 == 0))
        {
            volume.PurgeOrphanStep(volume.Unlink(volume.Root, name, false)!.Value);
            volume.Commit([]);
        }
    }
}
