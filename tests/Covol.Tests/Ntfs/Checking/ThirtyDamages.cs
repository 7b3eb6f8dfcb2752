using System.Buffers.Binary;
using System.Text.RegularExpressions;
using Covol.Ntfs;
using Covol.Protocol.Journal;
using Covol.Protocol.Units;
using Shouldly;
using Xunit;
using static Covol.Tests.Ntfs.Checking.DamagedVolume;

namespace Covol.Tests.Ntfs.Checking;

/// <summary>Each kind of damage, planted alone into a sound volume, is found, once, with the fitting code and object, and nothing else is.</summary>
public sealed partial class ThirtyDamages
{
    private static readonly Damage[] s_damages =
    [
        new("the backup boot sector has another byte", "boot-copy-differs", "backup boot sector", volume =>
            volume.Flip(volume.Geometry.BackupBoot.Value + 100)),
        new("the volume is marked dirty", "volume-dirty", "$Volume", volume =>
            volume.Edit(3, record => record[ValueAt(record, VolumeInformation) + 10] |= 1)),
        new("NTFS's own log holds something", "log-file-not-clean", "$LogFile", volume =>
            volume.Poke(volume.ContentPlace(2, Data, "", 0), "RCRD"u8)),
        new("a letter has another upper case", "upcase-damaged", "$UpCase", volume =>
            volume.Poke(volume.ContentPlace(10, Data, "", 'a' * 2), (byte)'B', 0)),
        new("the list of attributes calls one by another name", "attribute-definitions", "$AttrDef", volume =>
            volume.Flip(volume.ContentPlace(4, Data, "", 162))),
        new("the list of attributes ends early", "attribute-definitions", "$AttrDef", volume =>
            volume.Poke(volume.ContentPlace(4, Data, "", (14 * 160) + 128), 0, 0)),
        new("the MFT's own record is torn", "mft-unreadable", "$MFT", volume => volume.Flip(volume.PlaceOf(0) + 510)),
        new("the MFT's mirror has another byte", "mft-mirror-differs", "$MFTMirr, record 2", volume =>
            volume.Flip((volume.Geometry.MftMirrorStart * volume.Geometry.ClusterSize) + (2 * volume.Geometry.MftRecordSize) + 8)),
        new("a record is torn", "mft-record-torn", "record {plain}", volume => volume.Flip(volume.PlaceOf(volume.Number("plain")) + 511)),
        new("an attribute has an impossible length", "mft-record-damaged", "record {plain}", volume =>
            volume.Edit("plain", record => record[At(record, StandardInformation) + 4] = 13)),
        new("a record says it is another", "mft-record-number", "/plain (record {plain})", volume =>
            volume.Edit("plain", record => record[0x2C]++)),
        new("a used record is not marked", "mft-record-not-marked", "/plain (record {plain})", volume =>
            volume.SetBit(0, Bitmap, "", volume.Number("plain"), false)),
        new("a free record is marked", "mft-record-marked-free", "record 60", volume => volume.SetBit(0, Bitmap, "", 60, true)),
        new("a file has no standard information", "standard-information", "/plain (record {plain})", volume =>
            volume.Edit("plain", record => RemoveAttribute(record, StandardInformation))),
        new("a file has an attribute twice", "attribute-twice", "/second (record {twice})", volume =>
            volume.Edit("twice", record => DoubleAttribute(record, StandardInformation))),
        new("an attribute list names what is not there", "attribute-list", "/folder/pieces and more names than fit * (record {pieces})", volume =>
            volume.Flip(volume.ContentPlace(volume.Number("pieces"), AttributeList, "", 24))),
        new("an extension record continues a file that has no list", "extent-record-lost", "record 60", volume =>
        {
            volume.SetBit(0, Bitmap, "", 60, true);
            volume.Edit(60, record =>
            {
                record[0x16] |= 1;
                BinaryPrimitives.WriteUInt64LittleEndian(record.AsSpan(0x20), volume.Reference("plain"));
            });
        }),
        new("a run list cannot be read", "run-list-damaged", "/plain (record {plain})", volume =>
            volume.Edit("plain", record => record[Pairs(record)] = 0x9F)),
        new("a run lies behind the volume", "run-outside", "/plain (record {plain})", volume =>
            volume.Edit("plain", record => SetLcn(record, 0x7000))),
        new("two files have the same clusters", "cluster-shared", "clusters {other:first} to {other:last}", volume =>
        {
            var (mine, theirs) = (volume.RunsOf(volume.Number("plain"), Data)[0], volume.RunsOf(volume.Number("other"), Data)[0]);
            volume.Edit("plain", record => SetLcn(record, theirs.Lcn));
            for (var cluster = mine.Lcn; cluster < mine.Lcn + mine.Length; cluster++)
            {
                volume.SetBit(6, Data, "", cluster, false);
            }
        }),
        new("a file's cluster is free in the bitmap", "cluster-not-marked", "cluster {plain:first}", volume =>
            volume.SetBit(6, Data, "", volume.RunsOf(volume.Number("plain"), Data)[0].Lcn, false)),
        new("nobody's cluster is used in the bitmap", "cluster-lost", "cluster {free}", volume =>
            volume.SetBit(6, Data, "", FreeCluster(volume), true)),
        new("a file claims more room than it has", "size-allocated", "/plain (record {plain})", volume =>
            volume.Edit("plain", record => record[At(record, Data) + 41] += 0x10)),
        new("more is valid than there is", "size-order", "/plain (record {plain})", volume =>
            volume.Edit("plain", record => record[At(record, Data) + 60] = 1)),
        new("a file with holes claims more room than its clusters have", "size-compressed", "/holes (record {holes})", volume =>
            volume.Edit("holes", record => record[At(record, Data) + 65] += 0x10)),
        new("a compressed file claims less room than its clusters have", "size-compressed", "/packed (record {packed})", volume =>
            volume.Edit("packed", record => record[At(record, Data) + 65] -= 0x10)),
        new("a cluster lies behind a hole of its compression unit", "compression-unit", "/packed (record {packed})", volume =>
            volume.Edit("packed", record => record[At(record, Data) + 34] = 5)),
        new("a file counts one name too many", "link-count", "/second (record {twice})", volume =>
            volume.Edit("twice", record => record[0x12]++)),
        new("a name has no length", "name-damaged", "record {plain}", volume =>
            volume.Edit("plain", record => record[ValueAt(record, FileName) + 0x40] = 0)),
        new("a name is missing in its directory", "name-not-indexed", "/folder/file150m (record {file150m})", volume =>
            volume.EditBlockWith("folder", "file150m", RemoveEntry)),
        new("a name says it lies in a file", "name-parent", "record {file150m}", volume =>
        {
            volume.EditBlockWith("folder", "file150m", RemoveEntry);
            volume.Edit("file150m", record => BinaryPrimitives.WriteUInt64LittleEndian(
                record.AsSpan(ValueAt(record, FileName)), volume.Reference("plain")));
        }),
        new("a directory lies below itself", "directory-cycle", "record {loop}", MakeLoop),
        new("a directory is marked as a file", "directory-kind", "/empty (record {empty})", volume =>
            volume.Edit("empty", record => record[0x16] &= 0xFD)),
        new("an index node claims more than there is", "index-damaged", "/folder (record {folder})", volume =>
            volume.EditBlockWith("folder", "file150m", (node, _) => node[6] = 1)),
        new("an index block is torn", "index-block-torn", "/folder (record {folder})", volume =>
            volume.Flip(volume.ContentPlace(volume.Number("folder"), IndexAllocation, "$I30", 4096) + 1022)),
        new("an index block is marked that is not there", "index-bitmap", "/folder (record {folder})", volume =>
            volume.SetBit(volume.Number("folder"), Bitmap, "$I30", 50, true)),
        new("two names stand in the wrong order", "index-order", "/folder (record {folder})", volume =>
            volume.EditBlockWith("folder", "file150m", SwapWithNext)),
        new("a name is in its directory twice", "index-twice", "/folder (record {folder})", volume =>
            volume.EditBlockWith("folder", "file150m", DoubleEntry)),
        new("a name leads to an earlier file of that record", "index-dangling", "/folder (record {folder})", volume =>
            volume.EditBlockWith("folder", "file150m", (node, at) => node[at + 6]++)),
        new("a name in the directory is another than the file's", "index-foreign", "/folder (record {folder})", volume =>
            volume.EditBlockWith("folder", "file150m", (node, at) => node[at + 16 + 0x42 + 14] = (byte)'n')),
        new("an index says that its order is another", "index-rule", "/folder (record {folder})", volume =>
            volume.Edit("folder", record => record[ValueAt(record, IndexRoot, "$I30") + 4] = 0x10)),
        new("a file has a security id that nobody knows", "security-unknown", "/$Extend/$Quota (record 24)", volume =>
            volume.Edit(24, record => record[ValueAt(record, StandardInformation) + 0x35] = 9)),
        new("a security descriptor has another byte", "security-descriptor", "$Secure", volume =>
            volume.Flip(volume.ContentPlace(9, Data, "$SDS", 24))),
        new("the copy of a security descriptor has another byte", "security-descriptor", "$Secure", volume =>
            volume.Flip(volume.ContentPlace(9, Data, "$SDS", 0x40000 + 24))),
        new("a security id is missing under its hash", "security-index", "$Secure", volume =>
            volume.EditRootWith(9, "$SDH", null, RemoveEntry)),
        new("a link is missing in the index of reparse points", "reparse-not-indexed", "/link (record {link})", volume =>
            volume.EditRootWith(volume.Number("$Reparse"), "$R", null, RemoveEntry)),
        new("the index of reparse points names a file that has none", "reparse-stray", "$Extend/$Reparse", volume =>
            volume.Edit("link", record => RemoveAttribute(record, ReparsePoint))),
        new("a reparse point has another length than it says", "reparse-damaged", "/link (record {link})", volume =>
            volume.Edit("link", record => record[ValueAt(record, ReparsePoint) + 4]++)),
        new("an object id is missing in its index", "object-id-not-indexed", "/other (record {other})", volume =>
            volume.EditRootWith(volume.Number("$ObjId"), "$O", null, RemoveEntry)),
        new("the index of object ids names a file that has none", "object-id-stray", "$Extend/$ObjId", volume =>
            volume.Edit("other", record => RemoveAttribute(record, ObjectId))),
        new("an object id has eight bytes", "object-id-damaged", "/other (record {other})", volume =>
            volume.Edit("other", record => record[At(record, ObjectId) + 16] = 8)),
        new("who is accounted for is missing under his SID", "quota-index", "$Extend/$Quota", volume =>
            volume.EditRootWith(volume.Number("$Quota"), "$O", null, RemoveEntry)),
        new("the summary of extended attributes says another length", "ea-damaged", "/second (record {twice})", volume =>
            volume.Edit("twice", record => record[ValueAt(record, EaInformation) + 4] += 4)),
        new("an extended attribute leads out of all", "ea-damaged", "/second (record {twice})", volume =>
            volume.Edit("twice", record => record[ValueAt(record, Ea) + 1] = 0x70)),
        new("the owner has three bytes", "ea-own", "/second (record {twice})", volume => volume.Edit("twice", record =>
        {
            record[ValueAt(record, Ea) + 6]--;
            record[ValueAt(record, EaInformation)]--;
        })),
        new("the journal's locator has another byte", "journal-locator", "journal locator", volume => volume.Flip(JournalLocator.Place + 24)),
        new("the journal's locator leads elsewhere", "journal-place", "/$CovolJournal (record {$CovolJournal})", volume =>
        {
            var locator = VolumeGeometry.ReadWithLocator(volume.Device).Locator;
            var sector = new byte[512];
            (locator with { Start = locator.Start + new ByteCount(4096) }).Encode(sector);
            volume.Poke(JournalLocator.Place, sector);
        }),
        new("both of the journal's superblocks are damaged", "journal-superblock", "$CovolJournal", volume =>
        {
            var locator = VolumeGeometry.ReadWithLocator(volume.Device).Locator;
            volume.Flip(locator.Start.Value + 20);
            volume.Flip(locator.Start.Value + JournalFormat.SlotLength(locator.Length.Value) + 20);
        }),
        new("the orphan folder has another name", "own-file-missing", "$CovolOrphans", volume =>
        {
            volume.EditBlockWith(".", "$CovolOrphans", (node, at) => node[at + 16 + 0x42 + 24] = (byte)'z');
            volume.Edit("$CovolOrphans", record => record[ValueAt(record, FileName) + 0x42 + 24] = (byte)'z');
        }),
    ];

    public static TheoryData<string> Sentences => new(s_damages.Select(damage => damage.Sentence));

    [Theory]
    [MemberData(nameof(Sentences))]
    public void It_is_found_when(string sentence)
    {
        var damage = s_damages.Single(candidate => candidate.Sentence == sentence);
        var volume = new DamagedVolume(GoodVolume.Copy());
        var where = Resolve(volume, damage.Where);

        damage.Plant(volume);

        var findings = VolumeChecker.Check(volume.Device);
        findings.Select(finding => $"{finding.Code}: {OneOfItsNames().Replace(finding.Where, "*")}")
            .ShouldBe([$"{damage.Code}: {where}"], string.Join('\n', findings));
    }

    /// <summary>A file's names lie in its record by, among others, their times: which is the first is not ours to say.</summary>
    [GeneratedRegex("(?<=than fit )[0-9]+")]
    private static partial Regex OneOfItsNames();

    [Fact]
    public void There_are_thirty_kinds_at_least() => s_damages.Select(damage => damage.Code).Distinct().Count().ShouldBeGreaterThanOrEqualTo(30);

    [Fact]
    public void Each_kind_of_finding_but_two_is_planted_here()
    {
        // Of these two there are tests of their own: no volume at all, and a journal that must not be replayed.
        Enum.GetValues<FindingKind>().Select(FindingCodes.CodeOf).Except(s_damages.Select(damage => damage.Code))
            .ShouldBe(["volume-unknown", "journal-refused"]);
    }

    [Fact]
    public void A_journal_that_another_program_wrote_beside_is_not_replayed_and_that_is_told()
    {
        var volume = new DamagedVolume(GoodVolume.Copy());
        volume.Edit(0, record => record[8]++);

        var findings = VolumeChecker.CheckAtRest(volume.Device).Findings;

        findings.ShouldHaveSingleItem().Code.ShouldBe("journal-refused");
    }

    [Fact]
    public void Each_code_is_in_the_documentation_and_is_said_once()
    {
        var codes = Enum.GetValues<FindingKind>().Select(FindingCodes.CodeOf).ToArray();
        var text = File.ReadAllText(Path.Combine(House.Repository.Root, "docs", "internals", "check.md"));

        codes.ShouldBeUnique();
        codes.Where(code => !text.Contains($"| `{code}` |", StringComparison.Ordinal)).ShouldBeEmpty();
    }

    private static int Pairs(byte[] record)
    {
        var at = At(record, Data);
        return at + BinaryPrimitives.ReadUInt16LittleEndian(record.AsSpan(at + 32));
    }

    /// <summary>The first cluster of a list of one run, in the two bytes that it has there.</summary>
    private static void SetLcn(byte[] record, long lcn)
    {
        var at = Pairs(record);
        (record[at] >> 4).ShouldBe(2);
        BinaryPrimitives.WriteUInt16LittleEndian(record.AsSpan(at + 1 + (record[at] & 0xF)), (ushort)lcn);
    }

    private static long FreeCluster(DamagedVolume volume) =>
        Enumerable.Range(1000, 7000).First(cluster => !volume.HasBit(6, Data, cluster));

    private static void SwapWithNext(Span<byte> node, int at)
    {
        var length = Length(node, at);
        var next = at + length;
        Length(node, next).ShouldBe(length);
        var first = node.Slice(at, length).ToArray();
        node.Slice(next, length).CopyTo(node[at..]);
        first.CopyTo(node[next..]);
    }

    /// <summary>
    /// loops/loop/loop/loop, all of the same name: the third of them becomes the child of 'loops', and the first the child of the second.
    /// </summary>
    private static void MakeLoop(DamagedVolume volume)
    {
        var numbers = Enumerable.Range(0, volume.Count).Where(number => Named(volume, number, "loop")).ToArray();
        numbers.Length.ShouldBe(3);
        var references = numbers.Select(number => Reference(volume, number)).ToArray();
        Lead(volume, volume.Number("loops"), references[2]);
        Lead(volume, numbers[1], references[0]);
        LieIn(volume, numbers[2], volume.Reference("loops"));
        LieIn(volume, numbers[0], references[1]);
    }

    private static void Lead(DamagedVolume volume, int directory, ulong to) => volume.EditRootWith(
        directory, "$I30", "loop", (node, at) => BinaryPrimitives.WriteUInt64LittleEndian(node[at..], to));

    private static void LieIn(DamagedVolume volume, int directory, ulong parent) => volume.Edit(
        directory, record => BinaryPrimitives.WriteUInt64LittleEndian(record.AsSpan(ValueAt(record, FileName)), parent));

    private static bool Named(DamagedVolume volume, int number, string name)
    {
        var record = volume.ReadRecord(number);
        return (record[0x16] & 1) != 0 && number >= 24 && BinaryPrimitives.ReadUInt64LittleEndian(record.AsSpan(0x20)) == 0
            && Covol.Ntfs.Checking.NameTable.NameIn(record.AsSpan(ValueAt(record, FileName))) == name;
    }

    private static ulong Reference(DamagedVolume volume, int number) =>
        (uint)number | ((ulong)BinaryPrimitives.ReadUInt16LittleEndian(volume.ReadRecord(number).AsSpan(0x10)) << 48);

    private static string Resolve(DamagedVolume volume, string where) => System.Text.RegularExpressions.Regex.Replace(where, @"\{([^}]+)\}", match =>
    {
        var word = match.Groups[1].Value.Split(':');
        var run = word.Length == 2 ? volume.RunsOf(volume.Number(word[0]), Data)[0] : default;
        return word switch
        {
            ["free"] => $"{FreeCluster(volume)}",
            [_, "first"] => $"{run.Lcn}",
            [_, "last"] => $"{run.Lcn + run.Length - 1}",
            _ => $"{volume.Number(word[0])}",
        };
    });

    private sealed record Damage(string Sentence, string Code, string Where, Action<DamagedVolume> Plant);
}
