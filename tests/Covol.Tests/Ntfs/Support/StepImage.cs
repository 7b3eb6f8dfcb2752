using Covol.Ntfs;
using Covol.Ntfs.Checking;
using Covol.Protocol.Ids;

namespace Covol.Tests.Ntfs.Support;

/// <summary>
/// The disk just after one step's commit, with everything applied. A recovery that ends with this step has to end with these
/// bytes,
/// so the costly look (mount, tree, checker) is taken once a step and not once a cut.
/// </summary>
internal sealed class StepImage(SnapshotDevice disk, VolumeTree tree)
{
    private const uint Data = 0x80;
    private const int BitmapRecord = 6;

    private readonly string _tree = tree.ToString();
    private string? _problem;
    private bool _isJudged;
    private byte[]? _used;
    private HashSet<long>? _unwritten;

    public SnapshotDevice Disk => disk;

    public string Tree => _tree;

    /// <summary>What is wrong with the volume as it was in memory; null for a sound one.</summary>
    public string? Problem
    {
        get
        {
            if (!_isJudged)
            {
                _problem = Judge(disk.Snapshot());
                _isJudged = true;
            }

            return _problem;
        }
    }

    /// <summary>Mounts a recovered disk and compares all it shows; null when everything is there and sound.</summary>
    public string? Judge(SnapshotDevice recovered)
    {
        VolumeTree found;
        using (var volume = NtfsVolume.Open(recovered, new Epoch(1_000_000), NtfsOptions.Default).Volume)
        {
            found = VolumeTree.Of(volume);
        }

        if (found.ToString() != _tree)
        {
            return $"the tree is\n{found}\ninstead of\n{_tree}";
        }

        foreach (var (file, map) in found.Maps)
        {
            if (FilePattern.Strange(recovered, file, map) is { } strange)
            {
                return strange;
            }
        }

        var problems = VolumeChecker.Check(recovered);
        return problems.Count == 0 ? null : string.Join("; ", problems);
    }

    /// <summary>
    /// Whether anybody may ever look at a page: metadata or valid data. What is free, or allocated and not valid, holds anything.
    /// </summary>
    public bool Matters(long page)
    {
        _used ??= ReadBitmap();
        _unwritten ??= tree.Maps.Values
            .SelectMany(map => FilePattern.Pages(map, (map.ValidLength.Value + 4095) / 4096 * 4096, long.MaxValue))
            .Select(piece => piece.Place.Value / 4096).ToHashSet();
        return (_used[page / 8] & (1 << (int)(page % 8))) != 0 && !_unwritten.Contains(page);
    }

    private byte[] ReadBitmap()
    {
        var geometry = VolumeGeometry.Read(disk);
        var image = new VolumeImage(disk, geometry);
        var place = (geometry.MftStart * geometry.ClusterSize) + (BitmapRecord * geometry.MftRecordSize);
        var bytes = image.ReadBytes(place, geometry.MftRecordSize);
        MftRecord.TryFix(bytes, "FILE"u8);
        var record = MftRecord.Read(bytes, BitmapRecord, (_, problem) => throw new InvalidDataException(problem))!;
        return image.ReadWhole(record.Find(Data)!)!;
    }
}
