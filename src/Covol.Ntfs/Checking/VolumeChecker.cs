using Covol.Lun;
using Covol.Ntfs.Checking;

namespace Covol.Ntfs;

/// <summary>
/// Checks an NTFS volume without libntfs-3g and without the engine, with a parser of its own. Reads only. What is kept of the volume is a bit a
/// cluster and some dozen bytes a file: half a gigabyte is enough for ten million files. See docs/internals/check.md.
/// </summary>
public sealed class VolumeChecker
{
    /// <summary>More are counted, not told: the first ones say what happened.</summary>
    public const int FindingsMax = 100;

    private const ulong DefinitionRecord = 4;
    private const ulong BitmapRecord = 6;
    private const ulong SecureRecord = 9;
    private const ulong UpperCaseRecord = 10;

    private readonly FindingList _findings = new();
    private readonly VolumeImage _image;

    private VolumeChecker(IBlockDevice device, VolumeGeometry geometry) => _image = new VolumeImage(device, geometry);

    /// <summary>What is wrong with the volume, nothing for a sound one. The device is not written to while this runs.</summary>
    public static IReadOnlyList<Finding> Check(IBlockDevice device) => Report(device, replayedPages: 0).Findings;

    /// <summary>
    /// Checks what recovery would make of the volume: pages that the journal holds are taken in place of the LUN's, in memory. Nothing is
    /// written.
    /// </summary>
    public static CheckReport CheckAtRest(IBlockDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        using var view = RecoveredView.Open(device, out var refusal);
        var report = Report(view, view.ReplayedPages);
        return refusal is null ? report : report with { Findings = [refusal, .. report.Findings] };
    }

    internal static CheckReport Report(IBlockDevice device, long replayedPages)
    {
        ArgumentNullException.ThrowIfNull(device);
        VolumeGeometry geometry;
        try
        {
            geometry = VolumeGeometry.Read(device);
        }
        catch (NtfsRefusedException refusal)
        {
            return new CheckReport([new Finding(FindingKind.NotAVolume, "boot sector", refusal.Message.TrimEnd('.'))], 0, 0, 0, 0, 0, replayedPages);
        }

        return new VolumeChecker(device, geometry).Run(geometry, replayedPages);
    }

    private CheckReport Run(VolumeGeometry geometry, long replayedPages)
    {
        var table = new MftTable(_image, _findings);
        var paths = new PathNames(table);
        var parts = new OwnPartsCheck(_image, table, paths, _findings);
        parts.CheckBootCopy();
        var (files, directories) = (0L, 0L);
        if (table.Open())
        {
            parts.CheckMirror();
            var states = new RecordStates(table.Count);
            var clusters = new ClusterMap(geometry.Clusters, _findings);
            var names = new NameTable();
            var pass = new RecordPass(_image, table, states, clusters, names, paths, _findings);
            pass.Run();
            (files, directories) = (pass.Files, pass.Directories);
            parts.CheckVolumeFlags(pass.Own);
            DefinitionCheck.Run(_image, pass.Own.GetValueOrDefault(DefinitionRecord), _findings);
            CheckClusters(table, clusters, paths, pass.Own);
            CheckIndexes(table, states, names, paths, pass);
            parts.CheckJournal(pass.CovolFiles);
        }

        return new CheckReport(_findings.Told, _findings.Omitted, _findings.Skipped, files, directories, _image.BytesRead, replayedPages);
    }

    private void CheckClusters(MftTable table, ClusterMap clusters, PathNames paths, Dictionary<ulong, MftRecord> own)
    {
        if (clusters.Shared.Count > 0)
        {
            TellOwners(table, clusters.Shared, paths);
        }

        var parts = own.GetValueOrDefault(BitmapRecord)?.Attributes
            .Where(attribute => attribute is { Type: MftRecord.Data, Name: "" }).OrderBy(attribute => attribute.LowestVcn).ToList() ?? [];
        if (parts.Count == 0)
        {
            _findings.Tell(FindingKind.TableUnreadable, "$Bitmap", "it has no content");
            return;
        }

        clusters.Compare(new AttributeContent(_image, parts[0], parts.SelectMany(part => part.Runs)));
    }

    /// <summary>Who claims the clusters that are claimed twice: one more look at all records, on a damaged volume only.</summary>
    private void TellOwners(MftTable table, IReadOnlyList<(long First, long End)> shared, PathNames paths)
    {
        var owners = shared.ToDictionary(range => range, _ => new SortedSet<ulong>());
        table.Visit(static (_, _) => true, (number, bytes) =>
        {
            if (!table.IsMarked(number) || !MftRecord.TryFix(bytes, "FILE"u8)
                || MftRecord.Read(bytes, number, static (_, _) => { }) is not { InUse: true } record)
            {
                return;
            }

            foreach (var (_, lcn, length) in record.Attributes.SelectMany(attribute => attribute.Runs).Where(run => run.Lcn >= 0))
            {
                foreach (var range in shared.Where(range => lcn < range.End && range.First < lcn + length))
                {
                    owners[range].Add(record.IsExtent ? record.Base & MftRecord.NumberMask : number);
                }
            }
        });
        foreach (var ((first, end), records) in owners)
        {
            _findings.Tell(
                FindingKind.ClusterShared,
                end - first == 1 ? $"cluster {first}" : $"clusters {first} to {end - 1}",
                $"claimed more than once, by {string.Join(" and ", records.Select(paths.Of))}");
        }
    }

    private void CheckIndexes(MftTable table, RecordStates states, NameTable names, PathNames paths, RecordPass pass)
    {
        var upper = pass.Own.GetValueOrDefault(UpperCaseRecord)?.Find(MftRecord.Data) is { } data ? _image.ReadWhole(data) : null;
        if (Collation.Read(upper) is { } collation)
        {
            new DirectoryCheck(_image, table, states, names, collation, paths, number => pass.ReadJoined(number), _findings).Run();
        }
        else
        {
            _findings.Tell(
                FindingKind.UpperCaseTable, "$UpCase", "it is no table of upper case letters, so the order of names cannot be checked");
        }

        if (pass.Own.GetValueOrDefault(SecureRecord) is { } secure)
        {
            new SecurityCheck(_image, secure, pass.SecurityIds, paths, _findings).Run();
        }

        if (pass.ObjectIdIndex is { } objects)
        {
            new ObjectIdCheck(_image, pass.Own[objects], pass.ObjectIds, states, paths, _findings).Run();
        }

        if (pass.QuotaIndex is { } quota)
        {
            new QuotaCheck(_image, pass.Own[quota], _findings).Run();
        }

        if (pass.ReparseIndex is { } reparse)
        {
            new ReparseCheck(_image, pass.Own[reparse], pass.ReparsePoints, states, paths, _findings).Run();
        }
    }
}
