using System.Buffers.Binary;
using Covol.Ntfs;
using Covol.Ntfs.Checking;
using Covol.Protocol.Units;
using Covol.Tests.Ntfs.Support;

namespace Covol.Tests.Ntfs.Checking;

/// <summary>A small writer of NTFS structures: finds records by name, undoes and redoes their fix-ups, edits bytes. For planting damage.</summary>
internal sealed class DamagedVolume
{
    public const int StandardInformation = 0x10;
    public const int AttributeList = 0x20;
    public const int FileName = 0x30;
    public const int ObjectId = 0x40;
    public const int VolumeInformation = 0x70;
    public const int Data = 0x80;
    public const int IndexRoot = 0x90;
    public const int IndexAllocation = 0xA0;
    public const int Bitmap = 0xB0;
    public const int ReparsePoint = 0xC0;
    public const int EaInformation = 0xD0;
    public const int Ea = 0xE0;

    public const int RootEntries = 0x20;
    private const int IndexBlockLength = 4096;

    private readonly List<(long Vcn, long Lcn, long Length)> _table;
    private readonly Dictionary<string, int> _records = [];

    public DamagedVolume(SnapshotDevice device)
    {
        Device = device;
        Geometry = VolumeGeometry.Read(device);
        var own = ReadBytes(Geometry.MftStart * Geometry.ClusterSize, Geometry.MftRecordSize);
        MftRecord.TryFix(own, "FILE"u8);
        var record = MftRecord.Read(own, 0, static (_, _) => { })!;
        var data = record.Find(MftRecord.Data)!;
        _table = data.Runs;
        Count = (int)(data.Valid / Geometry.MftRecordSize);
        for (var number = 0; number < Count; number++)
        {
            var bytes = ReadBytes(PlaceOf(number), Geometry.MftRecordSize);
            if (MftRecord.TryFix(bytes, "FILE"u8) && MftRecord.Read(bytes, (ulong)number, static (_, _) => { }) is { InUse: true } found)
            {
                foreach (var name in found.Attributes.Where(attribute => attribute.Type == FileName && attribute.Value is not null))
                {
                    _records.TryAdd(NameTable.NameIn(name.Value!)!, found.IsExtent ? (int)(uint)found.Base : number);
                }
            }
        }
    }

    public SnapshotDevice Device { get; }

    public VolumeGeometry Geometry { get; }

    public int Count { get; }

    public int Number(string name) => _records[name];

    public ulong Reference(string name)
    {
        var bytes = ReadRecord(Number(name));
        return (uint)Number(name) | ((ulong)BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(0x10)) << 48);
    }

    public byte[] ReadBytes(long offset, int length)
    {
        var start = offset & ~511L;
        var bytes = new byte[(offset + length - start + 511) & ~511L];
        Device.Read(new LunByteOffset(start), bytes);
        return bytes.AsSpan((int)(offset - start), length).ToArray();
    }

    /// <summary>Bytes as they lie, whatever they are.</summary>
    public void Poke(long offset, params ReadOnlySpan<byte> bytes)
    {
        var start = offset & ~511L;
        var sectors = ReadBytes(start, (int)((offset + bytes.Length - start + 511) & ~511L));
        bytes.CopyTo(sectors.AsSpan((int)(offset - start)));
        Device.Write(new LunByteOffset(start), sectors);
    }

    public void Flip(long offset) => Poke(offset, (byte)~ReadBytes(offset, 1)[0]);

    public long PlaceOf(int record)
    {
        var offset = (long)record * Geometry.MftRecordSize;
        var run = _table.First(run => offset < (run.Vcn + run.Length) * Geometry.ClusterSize);
        return (run.Lcn * Geometry.ClusterSize) + offset - (run.Vcn * Geometry.ClusterSize);
    }

    public byte[] ReadRecord(int number)
    {
        var bytes = ReadBytes(PlaceOf(number), Geometry.MftRecordSize);
        return MftRecord.TryFix(bytes, "FILE"u8) ? bytes : throw new InvalidOperationException($"Record {number} is torn.");
    }

    /// <summary>Edits a record whole; the mirror gets the same where it has one of it.</summary>
    public void Edit(int number, Action<byte[]> edit)
    {
        var bytes = ReadRecord(number);
        edit(bytes);
        Protect(bytes);
        Poke(PlaceOf(number), bytes);
        if (number < 4)
        {
            Poke((Geometry.MftMirrorStart * Geometry.ClusterSize) + (number * Geometry.MftRecordSize), bytes);
        }
    }

    public void Edit(string name, Action<byte[]> edit) => Edit(Number(name), edit);

    /// <summary>Where an attribute begins in a record.</summary>
    public static int At(byte[] record, int type, string name = "")
    {
        for (int at = BinaryPrimitives.ReadUInt16LittleEndian(record.AsSpan(0x14)); ;)
        {
            var found = BinaryPrimitives.ReadInt32LittleEndian(record.AsSpan(at));
            if (found == -1)
            {
                throw new InvalidOperationException($"The record has no attribute {type:x} '{name}'.");
            }

            var own = new string(System.Runtime.InteropServices.MemoryMarshal.Cast<byte, char>(
                record.AsSpan(at + BinaryPrimitives.ReadUInt16LittleEndian(record.AsSpan(at + 10)), record[at + 9] * 2)));
            if (found == type && own == name)
            {
                return at;
            }

            at += BinaryPrimitives.ReadInt32LittleEndian(record.AsSpan(at + 4));
        }
    }

    /// <summary>Where the value of a resident attribute begins.</summary>
    public static int ValueAt(byte[] record, int type, string name = "")
    {
        var at = At(record, type, name);
        return record[at + 8] == 0
            ? at + BinaryPrimitives.ReadUInt16LittleEndian(record.AsSpan(at + 20))
            : throw new InvalidOperationException($"Attribute {type:x} is not resident.");
    }

    public static void RemoveAttribute(byte[] record, int type, string name = "")
    {
        var at = At(record, type, name);
        var length = BinaryPrimitives.ReadInt32LittleEndian(record.AsSpan(at + 4));
        var used = BinaryPrimitives.ReadInt32LittleEndian(record.AsSpan(0x18));
        record.AsSpan(at + length, used - at - length).CopyTo(record.AsSpan(at));
        BinaryPrimitives.WriteInt32LittleEndian(record.AsSpan(0x18), used - length);
    }

    public static void DoubleAttribute(byte[] record, int type)
    {
        var at = At(record, type);
        var length = BinaryPrimitives.ReadInt32LittleEndian(record.AsSpan(at + 4));
        var used = BinaryPrimitives.ReadInt32LittleEndian(record.AsSpan(0x18));
        record.AsSpan(at, used - at).ToArray().CopyTo(record.AsSpan(at + length));
        BinaryPrimitives.WriteInt32LittleEndian(record.AsSpan(0x18), used + length);
    }

    public List<(long Vcn, long Lcn, long Length)> RunsOf(int number, int type, string name = "")
    {
        var record = ReadRecord(number);
        var at = At(record, type, name);
        return RunList.Decode(record.AsSpan(at + BinaryPrimitives.ReadUInt16LittleEndian(record.AsSpan(at + 32))), 0)!;
    }

    /// <summary>Byte of an attribute's content on the LUN, of a non-resident one.</summary>
    public long ContentPlace(int number, int type, string name, long offset)
    {
        var run = RunsOf(number, type, name).First(run => offset < (run.Vcn + run.Length) * Geometry.ClusterSize);
        return (run.Lcn * Geometry.ClusterSize) + offset - (run.Vcn * Geometry.ClusterSize);
    }

    /// <summary>Sets or clears a bit of an attribute's content.</summary>
    public void SetBit(int number, int type, string name, long bit, bool value)
    {
        var record = ReadRecord(number);
        if (record[At(record, type, name) + 8] == 0)
        {
            Edit(number, bytes => Set(bytes.AsSpan(ValueAt(bytes, type, name) + (int)(bit / 8)), (int)(bit % 8), value));
            return;
        }

        var place = ContentPlace(number, type, name, bit / 8);
        var single = ReadBytes(place, 1);
        Set(single, (int)(bit % 8), value);
        Poke(place, single);
    }

    public bool HasBit(int number, int type, long bit) =>
        (ReadBytes(ContentPlace(number, type, "", bit / 8), 1)[0] & (1 << (int)(bit % 8))) != 0;

    /// <summary>Edits the index block of a directory that holds this name, from its INDEX_HEADER on.</summary>
    public void EditBlockWith(string directory, string name, BlockEdit edit)
    {
        var number = Number(directory);
        var length = RunsOf(number, IndexAllocation, "$I30").Sum(run => run.Length) * Geometry.ClusterSize;
        for (var offset = 0L; offset < length; offset += IndexBlockLength)
        {
            var place = ContentPlace(number, IndexAllocation, "$I30", offset);
            var block = ReadBytes(place, IndexBlockLength);
            if (MftRecord.TryFix(block, "INDX"u8) && FindEntry(block.AsSpan(0x18), name) is var at and >= 0)
            {
                edit(block.AsSpan(0x18), at);
                Protect(block);
                Poke(place, block);
                return;
            }
        }

        throw new InvalidOperationException($"'{name}' is in no index block of {directory}.");
    }

    public delegate void BlockEdit(Span<byte> node, int at);

    /// <summary>Edits the index that is resident in a record, from its INDEX_HEADER on; the name is null for the first entry.</summary>
    public void EditRootWith(int number, string index, string? name, BlockEdit edit) => Edit(number, record =>
    {
        var node = record.AsSpan(ValueAt(record, IndexRoot, index) + 0x10);
        edit(node, name is null ? BinaryPrimitives.ReadInt32LittleEndian(node) : FindEntry(node, name));
    });

    /// <summary>Where the entry of a name begins within a node; -1: it is not there.</summary>
    public static int FindEntry(ReadOnlySpan<byte> node, string name)
    {
        var end = BinaryPrimitives.ReadInt32LittleEndian(node[4..]);
        for (var at = BinaryPrimitives.ReadInt32LittleEndian(node); at < end; at += Length(node, at))
        {
            var keyLength = BinaryPrimitives.ReadUInt16LittleEndian(node[(at + 10)..]);
            if (keyLength > 0 && NameTable.NameIn(node.Slice(at + 16, keyLength)) == name)
            {
                return at;
            }
        }

        return -1;
    }

    public static int Length(ReadOnlySpan<byte> node, int at) => BinaryPrimitives.ReadUInt16LittleEndian(node[(at + 8)..]);

    public static void RemoveEntry(Span<byte> node, int at)
    {
        var (length, end) = (Length(node, at), BinaryPrimitives.ReadInt32LittleEndian(node[4..]));
        node[(at + length)..end].CopyTo(node[at..]);
        BinaryPrimitives.WriteInt32LittleEndian(node[4..], end - length);
    }

    public static void DoubleEntry(Span<byte> node, int at)
    {
        var (length, end) = (Length(node, at), BinaryPrimitives.ReadInt32LittleEndian(node[4..]));
        node[at..end].ToArray().CopyTo(node[(at + length)..]);
        BinaryPrimitives.WriteInt32LittleEndian(node[4..], end + length);
    }

    private static void Set(Span<byte> target, int bit, bool value) =>
        target[0] = (byte)(value ? target[0] | (1 << bit) : target[0] & ~(1 << bit));

    /// <summary>Puts the update sequence number to the end of each sector, and what was there into the array.</summary>
    private static void Protect(byte[] record)
    {
        var offset = BinaryPrimitives.ReadUInt16LittleEndian(record.AsSpan(4));
        for (var sector = 1; sector <= record.Length / 512; sector++)
        {
            var end = record.AsSpan((sector * 512) - 2, 2);
            end.CopyTo(record.AsSpan(offset + (sector * 2)));
            record.AsSpan(offset, 2).CopyTo(end);
        }
    }
}
