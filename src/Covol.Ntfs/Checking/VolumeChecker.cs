using System.Buffers.Binary;
using Covol.Lun;
using Covol.Protocol.Journal;

namespace Covol.Ntfs;

/// <summary>
/// Checks an NTFS volume that is at rest, without libntfs-3g: boot sectors, MFT records and their fix-ups, MFT and cluster
/// bitmaps, double
/// allocation, sizes, attribute lists, directory indexes against names, link counts, the MFT's mirror, the journal's place.
/// Not checked: security
/// descriptors ($Secure), the $Extend indexes' order. Reads only.
/// </summary>
public sealed class VolumeChecker
{
    /// <summary>More are not told: the first ones say what happened.</summary>
    public const int ProblemsMax = 100;

    private const uint AttributeList = 0x20;
    private const uint FileName = 0x30;
    private const uint Data = 0x80;
    private const ulong FirstUserRecord = 24;
    private const int MirroredRecords = 4;

    private readonly List<string> _problems = [];
    private readonly Checking.VolumeImage _image;
    private readonly Dictionary<ulong, Checking.MftRecord> _records = [];

    private VolumeChecker(IBlockDevice device, VolumeGeometry geometry) => _image = new Checking.VolumeImage(device, geometry);

    /// <summary>Sentences about what is wrong, none for a sound volume. The device is not written to while this runs.</summary>
    public static IReadOnlyList<string> Check(IBlockDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        VolumeGeometry geometry;
        try
        {
            geometry = VolumeGeometry.Read(device);
        }
        catch (NtfsRefusedException refusal)
        {
            return [refusal.Message];
        }

        var checker = new VolumeChecker(device, geometry);
        checker.Run(geometry);
        return checker._problems;
    }

    private void Run(VolumeGeometry geometry)
    {
        CheckBootCopy(geometry);
        if (new Checking.MftTable(_image, geometry, Tell).Read() is not (var mft, var bits))
        {
            return;
        }

        CheckMirror(geometry, mft);
        LoadRecords(geometry, mft, bits);
        var clusters = new Checking.ClusterUse(geometry.Clusters, Tell);
        foreach (var record in _records.Values)
        {
            clusters.Take(record, geometry.ClusterSize);
        }

        if (_records.GetValueOrDefault(6UL)?.Find(Data) is { } bitmap && _image.ReadAttribute(bitmap) is { } marked)
        {
            clusters.Compare(marked);
        }
        else
        {
            Tell("The cluster bitmap cannot be read.");
        }

        new Checking.NameCheck(_image, _records, Tell).Run();
        CheckJournal(geometry);
    }

    private void Tell(string problem)
    {
        if (_problems.Count < ProblemsMax)
        {
            _problems.Add(problem);
        }
    }

    private void CheckBootCopy(VolumeGeometry geometry)
    {
        var boot = _image.ReadBytes(0, JournalFormat.SectorSize);
        if (!boot.AsSpan().SequenceEqual(_image.ReadBytes(geometry.Sectors * JournalFormat.SectorSize, JournalFormat.SectorSize)))
        {
            Tell("The backup boot sector differs from the boot sector.");
        }
    }

    private void CheckMirror(VolumeGeometry geometry, byte[] mft)
    {
        var length = MirroredRecords * geometry.MftRecordSize;
        if (!mft.AsSpan(0, length).SequenceEqual(_image.ReadBytes(geometry.MftMirrorStart * geometry.ClusterSize, length)))
        {
            Tell("$MFTMirr differs from the MFT.");
        }
    }

    private void LoadRecords(VolumeGeometry geometry, byte[] mft, byte[] bits)
    {
        var count = (ulong)(mft.Length / geometry.MftRecordSize);
        var all = new List<Checking.MftRecord>();
        for (var number = 0UL; number < count; number++)
        {
            var used = number / 8 < (ulong)bits.Length && (bits[number / 8] & (1 << (int)(number % 8))) != 0;
            var record = used ? _image.ReadRecord(mft, number, Tell) : _image.ReadRecord(mft, number, static _ => { });
            if (record is null)
            {
                continue;
            }

            if (record.InUse != used && number >= FirstUserRecord)
            {
                Tell($"record {number}: in use is {record.InUse}, its bit in the MFT's bitmap is {used}");
            }

            if (record.InUse && used)
            {
                all.Add(record);
            }
        }

        Join(all);
        for (var number = count; number < (ulong)bits.Length * 8; number++)
        {
            if ((bits[number / 8] & (1 << (int)(number % 8))) != 0)
            {
                Tell($"record {number}: its bit is set, but the MFT ends before it");
            }
        }
    }

    /// <summary>Puts the attributes of extent records to their base record, and checks them against its attribute list.</summary>
    private void Join(List<Checking.MftRecord> all)
    {
        foreach (var record in all.Where(record => !record.IsExtent))
        {
            _records[record.Number] = record;
        }

        foreach (var extent in all.Where(record => record.IsExtent))
        {
            if (_records.TryGetValue(extent.Base, out var owner))
            {
                owner.Attributes.AddRange(extent.Attributes);
            }
            else
            {
                Tell($"record {extent.Number}: its base record {extent.Base} is not in use");
            }
        }

        foreach (var record in _records.Values)
        {
            CheckAttributeList(record);
        }
    }

    private void CheckAttributeList(Checking.MftRecord record)
    {
        var present = record.Attributes.Where(attribute => attribute.Type != AttributeList)
            .Select(attribute => (attribute.Type, attribute.Instance, attribute.Holder, attribute.LowestVcn)).ToHashSet();
        if (record.Find(AttributeList) is not { } list)
        {
            if (record.Attributes.Any(attribute => attribute.Holder != record.Number))
            {
                Tell($"record {record.Number}: it has extent records but no attribute list");
            }

            return;
        }

        if (_image.ReadAttribute(list) is not { } bytes)
        {
            Tell($"record {record.Number}: its attribute list cannot be read");
            return;
        }

        var listed = new HashSet<(uint, ushort, ulong, long)>();
        for (var at = 0; at + 26 <= bytes.Length;)
        {
            var entry = bytes.AsSpan(at);
            var length = BinaryPrimitives.ReadUInt16LittleEndian(entry[4..]);
            if (length < 26)
            {
                Tell($"record {record.Number}: its attribute list is damaged");
                return;
            }

            listed.Add((
                BinaryPrimitives.ReadUInt32LittleEndian(entry),
                BinaryPrimitives.ReadUInt16LittleEndian(entry[24..]),
                BinaryPrimitives.ReadUInt64LittleEndian(entry[16..]) & 0xFFFF_FFFF_FFFF,
                BinaryPrimitives.ReadInt64LittleEndian(entry[8..])));
            at += length;
        }

        if (!listed.SetEquals(present))
        {
            Tell($"record {record.Number}: its attribute list names other attributes than there are");
        }
    }

    private void CheckJournal(VolumeGeometry geometry)
    {
        var locator = JournalLocator.Read(_image.ReadBytes(JournalLocator.Place, JournalFormat.SectorSize));
        var file = _records.Values.FirstOrDefault(record => record.Attributes.Any(attribute =>
            attribute.Type == FileName && attribute.Value is { } name && Checking.NameCheck.NameIn(name) == FileNames.Journal));
        if (locator is null || file?.Find(Data) is not { Runs.Count: 1 } data
            || data.Runs[0].Lcn * geometry.ClusterSize != locator.Start.Value || data.Size != locator.Length.Value)
        {
            Tell("The journal is not where its locator says, or not in one piece.");
        }
    }
}
