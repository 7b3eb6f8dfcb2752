using System.Buffers.Binary;

namespace Covol.Ntfs.Checking;

/// <summary>
/// Looks at every MFT record once: form, bitmap, attributes, clusters, sizes, names. Records with an attribute list are put aside and looked at
/// with their extension records afterwards, one file at a time.
/// </summary>
internal sealed partial class RecordPass(
    VolumeImage image, MftTable table, RecordStates states, ClusterMap clusters, NameTable names, PathNames paths, FindingList findings)
{
    private const ulong Root = 5;
    private const ulong FirstUserRecord = 24;
    private const ulong LastOwnRecord = 11;
    private const ulong BadClusters = 8;
    private const int StandardInformationLengthMin = 48;
    private const int SecurityIdOffset = 0x34;

    private readonly List<ulong> _listed = [];

    public long Files { get; private set; }

    public long Directories { get; private set; }

    /// <summary>Security ids in use, each with a record that has it.</summary>
    public Dictionary<uint, ulong> SecurityIds { get; } = [];

    /// <summary>Reparse points: tag and reference of the file, as the index of $Reparse has them.</summary>
    public HashSet<(uint Tag, ulong Reference)> ReparsePoints { get; } = [];

    /// <summary>Object ids, each with the reference of its file.</summary>
    public HashSet<(Guid Id, ulong Reference)> ObjectIds { get; } = [];

    /// <summary>The record of $Extend/$Reparse.</summary>
    public ulong? ReparseIndex { get; private set; }

    /// <summary>The record of $Extend/$ObjId.</summary>
    public ulong? ObjectIdIndex { get; private set; }

    /// <summary>The record of $Extend/$Quota.</summary>
    public ulong? QuotaIndex { get; private set; }

    /// <summary>The records below it, joined with their extension records.</summary>
    public Dictionary<ulong, MftRecord> Own { get; } = [];

    /// <summary>Covol's own files in the root, by their names.</summary>
    public Dictionary<string, MftRecord> CovolFiles { get; } = [];

    public void Run()
    {
        table.Visit(static (_, _) => true, Look);
        for (var number = table.Count; number < (ulong)table.Bits.Length * 8; number++)
        {
            if (table.IsMarked(number))
            {
                findings.Tell(FindingKind.RecordMarkedFree, $"record {number}", "its bit in the MFT's bitmap is set, but the MFT ends before it");
            }
        }

        _extents.Sort();
        foreach (var number in _listed)
        {
            Join(number);
        }

        var listed = _listed.ToHashSet();
        foreach (var (reference, number) in _extents)
        {
            if (!states.IsUnknown(reference) && (!listed.Contains(reference & MftRecord.NumberMask) || !states.Leads(reference)))
            {
                findings.Tell(
                    FindingKind.ExtentRecordLost,
                    $"record {number}",
                    $"it continues record {reference & MftRecord.NumberMask}, which is free, another file's by now, or has no attribute list");
                clusters.IsIncomplete = true;
            }
        }
    }

    private void Look(ulong number, Span<byte> bytes)
    {
        var isMarked = table.IsMarked(number);
        if (!isMarked && (number < FirstUserRecord || bytes[..4].SequenceEqual(stackalloc byte[4])))
        {
            return;
        }

        if (!MftRecord.TryFix(bytes, "FILE"u8))
        {
            if (isMarked)
            {
                Unreadable(number);
                findings.Tell(FindingKind.RecordTorn, $"record {number}", "it is torn, or not an MFT record");
            }

            return;
        }

        var isInUse = (BinaryPrimitives.ReadUInt16LittleEndian(bytes[0x16..]) & 1) != 0;
        if (!isInUse && (!isMarked || number < FirstUserRecord))
        {
            return;
        }

        var isDamaged = false;
        var record = MftRecord.Read(bytes, number, (kind, what) =>
        {
            isDamaged = true;
            findings.Tell(kind, paths.Of(number), what);
        });
        if (!isInUse)
        {
            findings.Tell(FindingKind.RecordMarkedFree, $"record {number}", "it is free, but its bit in the MFT's bitmap is set");
            return;
        }

        if (isDamaged || record is null)
        {
            clusters.IsIncomplete = true;
        }

        if (record is null)
        {
            Unreadable(number);
            return;
        }

        states.SetSequence(number, record.Sequence);
        states.Add(
            number, RecordState.InUse | (record.IsDirectory ? RecordState.Directory : 0) | (record.IsExtent ? RecordState.Extent : 0));
        if (!isMarked)
        {
            findings.Tell(FindingKind.RecordNotMarked, paths.Of(number), "it is in use, but its bit in the MFT's bitmap is clear");
        }

        if (record.OwnNumber != (uint)number && BinaryPrimitives.ReadUInt16LittleEndian(bytes[4..]) >= 0x30)
        {
            findings.Tell(FindingKind.RecordNumber, paths.Of(number), $"the record says it is record {record.OwnNumber}");
        }

        if (record.IsExtent)
        {
            _extents.Add((record.Base, number));
        }
        else if (record.Find(MftRecord.AttributeList) is not null)
        {
            _listed.Add(number);
        }
        else
        {
            LookAtFile(record, isDamaged);
        }
    }

    private void Unreadable(ulong number)
    {
        states.Add(number, RecordState.InUse | RecordState.Unreadable);
        clusters.IsIncomplete = true;
    }

    /// <summary>A file with all its attributes.</summary>
    private void LookAtFile(MftRecord record, bool isDamaged)
    {
        if (record.IsDirectory)
        {
            Directories++;
        }
        else
        {
            Files++;
        }

        if (record.Number < FirstUserRecord)
        {
            Own[record.Number] = record;
        }

        NoteIndexes(record);

        LookAtClusters(record, isDamaged);
        if (isDamaged)
        {
            // What it lacks is what could not be read, its names among it.
            states.Add(record.Number, RecordState.IndexUnknown | RecordState.NameDisputed);
        }
        else
        {
            LookAtForm(record);
        }

        LookAtNames(record, isDamaged);
        LookAtReparsePoint(record);
        LookAtObjectId(record);
        try
        {
            ExtendedAttributeCheck.Run(image, record, () => paths.Of(record.Number), findings);
        }
        catch (ContentGoneException)
        {
            findings.Skip();
        }
    }

    /// <summary>The indexes below $Extend, which have no fixed place: only they have views of these names.</summary>
    private void NoteIndexes(MftRecord record)
    {
        if (record.Number < FirstUserRecord || record.IsDirectory)
        {
            return;
        }

        if (record.Find(MftRecord.IndexRoot, "$R") is not null)
        {
            ReparseIndex = record.Number;
        }
        else if (record.Find(MftRecord.IndexRoot, "$Q") is not null)
        {
            QuotaIndex = record.Number;
        }
        else if (record.Find(MftRecord.IndexRoot, "$O") is not null)
        {
            ObjectIdIndex = record.Number;
        }
        else
        {
            return;
        }

        Own[record.Number] = record;
    }

    private void LookAtObjectId(MftRecord record)
    {
        if (record.Find(MftRecord.ObjectId) is not { } id)
        {
            return;
        }

        if (id.Value is not { Length: >= ObjectIdCheck.KeyLength } value)
        {
            findings.Tell(FindingKind.ObjectIdDamaged, paths.Of(record.Number), "its object id is shorter than one");
            states.Add(record.Number, RecordState.ObjectIdUnknown);
            return;
        }

        // Of $Volume it is the volume's own, which need not be in the index.
        if (record.Number >= FirstUserRecord)
        {
            ObjectIds.Add((new Guid(value.AsSpan(0, ObjectIdCheck.KeyLength)), record.Reference));
        }
    }

    private void LookAtForm(MftRecord record)
    {
        var information = record.Find(MftRecord.StandardInformation)?.Value;
        if (information is not { Length: >= StandardInformationLengthMin } && (record.Number >= FirstUserRecord || record.Number <= LastOwnRecord))
        {
            findings.Tell(FindingKind.StandardInformation, paths.Of(record.Number), "it has no standard information (times and attributes)");
        }
        else if (information is { Length: >= SecurityIdOffset + 4 })
        {
            SecurityIds.TryAdd(BinaryPrimitives.ReadUInt32LittleEndian(information.AsSpan(SecurityIdOffset)), record.Number);
        }

        var hasIndex = record.Find(MftRecord.IndexRoot, "$I30") is not null;
        if (hasIndex != record.IsDirectory)
        {
            states.Add(record.Number, RecordState.IndexUnknown | RecordState.Directory);
            findings.Tell(
                FindingKind.DirectoryKind,
                paths.Of(record.Number),
                hasIndex ? "it has an index of names, but is no directory" : "it is a directory without an index of names");
        }

        for (var index = 0; index < record.Attributes.Count; index++)
        {
            var attribute = record.Attributes[index];
            if (attribute.Type == MftRecord.FileName)
            {
                continue;
            }

            for (var other = 0; other < index; other++)
            {
                var twin = record.Attributes[other];
                if (twin.Type == attribute.Type && twin.LowestVcn == attribute.LowestVcn && twin.Name == attribute.Name)
                {
                    findings.Tell(
                        FindingKind.AttributeTwice, paths.Of(record.Number), $"it has its attribute {attribute.Type:x} '{attribute.Name}' twice");
                }
            }
        }
    }

    private void LookAtNames(MftRecord record, bool isDamaged)
    {
        var count = 0;
        foreach (var attribute in record.Attributes)
        {
            if (attribute.Type != MftRecord.FileName)
            {
                continue;
            }

            count++;
            if (attribute.Value is not { } value || NameTable.NameIn(value) is not { } name || name.AsSpan().ContainsAny('/', '\0'))
            {
                findings.Tell(FindingKind.NameDamaged, $"record {record.Number}", "one of its names is damaged");
                states.Add(record.Number, RecordState.NameDisputed);
                continue;
            }

            names.Add(value, record.Number);
            if (name is FileNames.Journal or FileNames.Orphans && (NameTable.ParentIn(value) & MftRecord.NumberMask) == Root)
            {
                CovolFiles[name] = record;
            }

            if (record.IsDirectory)
            {
                states.SetParent(record.Number, NameTable.ParentIn(value) & MftRecord.NumberMask);
            }
        }

        if (!isDamaged && count != record.Links && (record.Number >= FirstUserRecord || record.Number <= LastOwnRecord))
        {
            findings.Tell(FindingKind.LinkCount, paths.Of(record.Number), $"it counts {record.Links} links and has {count} names");
        }
    }

    private void LookAtReparsePoint(MftRecord record)
    {
        if (record.Find(MftRecord.ReparsePoint) is not { } point)
        {
            return;
        }

        byte[]? value;
        try
        {
            value = image.ReadWhole(point);
        }
        catch (ContentGoneException)
        {
            findings.Skip();
            return;
        }

        // REPARSE_DATA_BUFFER (MS-FSCC 2.1.2.2): tag, length of what follows the first 8 bytes (16 more of a GUID for other vendors' tags).
        if (value is not { Length: >= 8 })
        {
            findings.Tell(FindingKind.ReparseDamaged, paths.Of(record.Number), "its reparse point is shorter than its header");
            return;
        }

        var tag = BinaryPrimitives.ReadUInt32LittleEndian(value);
        var length = BinaryPrimitives.ReadUInt16LittleEndian(value.AsSpan(4)) + 8 + ((tag & 0x8000_0000) == 0 ? 16 : 0);
        ReparsePoints.Add((tag, record.Reference));
        if (length != value.Length)
        {
            findings.Tell(
                FindingKind.ReparseDamaged, paths.Of(record.Number), $"its reparse point says it has {length} bytes, and has {value.Length}");
        }
    }

    private void LookAtClusters(MftRecord record, bool isDamaged)
    {
        foreach (var attribute in record.Attributes)
        {
            foreach (var (_, lcn, length) in attribute.Runs)
            {
                if (lcn < 0)
                {
                    continue;
                }

                if (lcn + length > image.Geometry.Clusters)
                {
                    clusters.IsIncomplete = true;
                    findings.Tell(
                        FindingKind.RunOutside,
                        paths.Of(record.Number),
                        $"its attribute {attribute.Type:x} has the clusters {lcn} to {lcn + length - 1}, "
                        + $"and the volume ends at {image.Geometry.Clusters}");
                    continue;
                }

                clusters.Take(lcn, length);
            }
        }

        if (!isDamaged)
        {
            LookAtSizes(record);
        }
    }

    private void LookAtSizes(MftRecord record)
    {
        foreach (var first in record.Attributes.Where(attribute => attribute.Value is null && attribute.LowestVcn == 0))
        {
            if (record.Number != BadClusters || first.Name != "$Bad")
            {
                SizeCheck.Run(first, record, image.Geometry.ClusterSize, () => paths.Of(record.Number), findings);
            }
        }
    }
}
