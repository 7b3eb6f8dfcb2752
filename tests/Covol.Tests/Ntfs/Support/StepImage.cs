using Covol.Ntfs;
using Covol.Ntfs.Checking;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;

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
    private const int PageLength = 4096;

    private readonly string _tree = tree.ToString();
    private string? _problem;
    private bool _isJudged;
    private byte[]? _used;
    private HashSet<long>? _unwritten;
    private Dictionary<long, int>? _ends;

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

    /// <summary>
    /// Of the page that a file's valid data ends in, only that data counts: a small file's last page holds behind it what was there before,
    /// and a node that makes the file longer writes the whole page.
    /// </summary>
    public bool DiffersWhereValid(long page, SnapshotDevice recovered)
    {
        _ends ??= tree.Maps.Values.SelectMany(Ends).ToDictionary(end => end.Page, end => end.Valid);
        var length = _ends.GetValueOrDefault(page, PageLength);
        byte[] mine = new byte[PageLength], found = new byte[PageLength];
        disk.Read(new LunByteOffset(page * PageLength), mine);
        recovered.Read(new LunByteOffset(page * PageLength), found);
        return !mine.AsSpan(0, length).SequenceEqual(found.AsSpan(0, length));
    }

    private static IEnumerable<(long Page, int Valid)> Ends(FileMap map)
    {
        var within = (int)(map.ValidLength.Value % PageLength);
        return within == 0
            ? []
            : FilePattern.Pages(map, map.ValidLength.Value, map.ValidLength.Value).Select(piece => (piece.Place.Value / PageLength, within));
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
