using System.Buffers.Binary;
using Covol.Ntfs;
using Covol.Ntfs.Format;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Journal;
using Covol.Protocol.Units;
using Covol.Tests.Ntfs.Checking;
using Covol.Tests.Ntfs.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Ntfs;

/// <summary>What cannot be taken over gets a sentence that says why and what to do, and stays as it was to the byte.</summary>
public sealed class AdoptionRefusals
{
    private const uint VolumeInformation = 0x70;
    private const uint Data = 0x80;
    private static readonly NtfsAdoptionOptions s_options = new() { JournalLength = ByteCount.FromMebibytes(1) };

    [Fact]
    public void A_dirty_volume_is_refused() =>
        Refused(Patched(3, VolumeInformation, attribute => attribute[24 + 10] |= 1)).ShouldContain("marked dirty");

    [Fact]
    public void A_volume_that_Windows_has_work_left_on_is_refused() =>
        Refused(Patched(3, VolumeInformation, attribute => attribute[24 + 10] |= 2)).ShouldContain("work left to do");

    [Theory]
    [InlineData(1, 2)]
    [InlineData(3, 0)]
    public void Another_version_of_NTFS_is_refused(byte major, byte minor) =>
        Refused(Patched(3, VolumeInformation, attribute => (attribute[24 + 8], attribute[24 + 9]) = (major, minor)))
            .ShouldContain($"NTFS {major}.{minor}");

    [Fact]
    public void A_volume_with_bad_clusters_is_refused() =>
        Refused(Patched(8, Data, attribute =>
        {
            // The one hole of $Bad becomes a cluster that is bad, then the rest of the hole.
            var pairs = attribute[BinaryPrimitives.ReadUInt16LittleEndian(attribute[32..])..];
            pairs[0].ShouldBe((byte)2);
            var rest = (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(pairs[1..]) - 1);
            (pairs[0], pairs[1], pairs[2], pairs[3], pairs[4]) = (0x21, 1, 0x40, 0x1C, 2);
            BinaryPrimitives.WriteUInt16LittleEndian(pairs[5..], rest);
            pairs[7] = 0;
        })).ShouldContain("1 bad clusters");

    [Fact]
    public void A_volume_whose_log_is_not_clean_is_refused()
    {
        var device = PlainVolume.Worked().Device;
        Overwrite(device, 2, "RSTR and then nothing that makes sense"u8);

        Refused(device).ShouldContain("$LogFile is not clean");
    }

    [Theory]
    [InlineData("hibr", true)]
    [InlineData("HIBR", true)]
    [InlineData("wake", false)]
    public void A_hibernated_Windows_is_refused_but_not_a_file_of_that_name_on_a_Covol_volume(string begin, bool isHibernated)
    {
        var device = FormattedVolume.Small();
        using (var volume = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default).Volume)
        {
            var file = volume.Create(volume.Root, "hiberfil.sys", new NewInode(FileKind.Regular, 0x1A4, 0, 0)).File;
            var map = volume.Extend(file, new ByteCount(8192));
            var content = new byte[8192];
            System.Text.Encoding.ASCII.GetBytes(begin).CopyTo(content, 0);
            volume.Commit([]);
            device.Write(map.Extents[0].LunStart, content);
            volume.SetValidLength(file, new ByteCount(8192), new FileTime(132_000_000_000_000_000));
            volume.Commit([]);
        }

        NtfsVolume.Open(device, new Epoch(2), NtfsOptions.Default).Volume.Dispose();
        NtfsReleaser.Release(device);
        if (isHibernated)
        {
            Refused(device).ShouldContain("is hibernated");
        }
        else
        {
            NtfsAdopter.Adopt(device, s_options);
        }
    }

    [Fact]
    public void Our_names_without_our_note_are_refused()
    {
        var device = FormattedVolume.Small();
        VolumeGeometry.WriteLocator(device, null);

        Refused(device).ShouldContain("was a Covol volume");
    }

    [Fact]
    public void A_place_of_the_note_that_is_in_use_is_refused()
    {
        var device = PlainVolume.Worked().Device;
        device.Write(new LunByteOffset(JournalLocator.Place), new byte[] { 1 }.Concat(new byte[511]).ToArray());

        Refused(device).ShouldContain("Sector 15");
    }

    [Fact]
    public void A_volume_whose_boot_file_ends_before_the_place_of_the_note_is_refused()
    {
        const int boot = 7;
        var volume = new DamagedVolume(PlainVolume.Worked().Device);
        volume.Edit(boot, record =>
        {
            // Of its two clusters one is left.
            var attribute = record.AsSpan(DamagedVolume.At(record, DamagedVolume.Data));
            attribute[BinaryPrimitives.ReadUInt16LittleEndian(attribute[32..]) + 1] = 1;
            BinaryPrimitives.WriteInt64LittleEndian(attribute[24..], 0);
            foreach (var size in (int[])[40, 48, 56])
            {
                BinaryPrimitives.WriteInt64LittleEndian(attribute[size..], 4096);
            }
        });

        Refused(volume.Device).ShouldContain("$Boot is shorter");
    }

    [Fact]
    public void A_volume_whose_bitmap_does_not_know_a_files_clusters_is_refused()
    {
        const int bitmap = 6;
        var volume = new DamagedVolume(PlainVolume.Worked().Device);
        var file = volume.Number("a file with a name of some length 59");
        volume.SetBit(bitmap, DamagedVolume.Data, "", volume.RunsOf(file, DamagedVolume.Data)[0].Lcn, false);

        Refused(volume.Device).ShouldContain("The volume is damaged");
    }

    [Fact]
    public void Clusters_below_a_page_are_refused() =>
        Refused(PlainVolume.Empty(ByteCount.FromMebibytes(32), 1024))
            .ShouldContain("clusters of 1024 bytes");

    [Fact]
    public void A_volume_without_room_for_the_journal_is_refused() =>
        Refused(PlainVolume.Worked().Device, new NtfsAdoptionOptions { JournalLength = ByteCount.FromMebibytes(31) })
            .ShouldContain("in one piece for its journal");

    [Fact]
    public void A_volume_in_pieces_gets_its_journal_into_the_one_piece_that_is_large_enough()
    {
        // What the journal leaves is the only hole of more than two clusters.
        var device = FormattedVolume.Fragmented();
        NtfsReleaser.Release(device);
        Refused(device.Snapshot(), new NtfsAdoptionOptions { JournalLength = ByteCount.FromMebibytes(3) }).ShouldContain("in one piece");

        NtfsAdopter.Adopt(device, NtfsAdoptionOptions.Default);

        VolumeChecker.Check(device).ShouldBeEmpty();
        VolumeGeometry.ReadWithLocator(device).Locator.Length.ShouldBe(ByteCount.FromMebibytes(1));
    }

    [Theory]
    [InlineData(4096, 512)]
    [InlineData(65_536, 512)]
    [InlineData(4096, 4096)]
    [InlineData(65_536, 4096)]
    [InlineData(8192, 1024)]
    public void What_mkntfs_makes_is_adopted_whatever_its_clusters_and_sectors(int clusterSize, int sector)
    {
        var device = PlainVolume.Empty(ByteCount.FromMebibytes(128), clusterSize, sector);

        NtfsAdopter.Adopt(device, NtfsAdoptionOptions.Default);

        VolumeChecker.Check(device).ShouldBeEmpty();
        VolumeGeometry.ReadWithLocator(device).Locator.Length.ShouldBe(ByteCount.FromMebibytes(7));
    }

    private static string Refused(SnapshotDevice device, NtfsAdoptionOptions? options = null)
    {
        var before = device.Snapshot();
        var message = Should.Throw<NtfsRefusedException>(() => NtfsAdopter.Adopt(device, options ?? s_options)).Message;
        device.Differences(before).ShouldBeEmpty();
        return message;
    }

    /// <summary>A plain volume whose MFT record has one attribute changed; bytes at sector ends are not.</summary>
    private static SnapshotDevice Patched(int record, uint type, Change change)
    {
        var device = PlainVolume.Worked().Device;
        var geometry = VolumeGeometry.Read(device);
        foreach (var start in record < 4 ? [geometry.MftStart, geometry.MftMirrorStart] : new[] { geometry.MftStart })
        {
            var place = new LunByteOffset((start * geometry.ClusterSize) + (record * geometry.MftRecordSize));
            var bytes = new byte[geometry.MftRecordSize];
            device.Read(place, bytes);
            var at = (int)BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(0x14));
            while (BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at)) is var found && (found != type || IsUnnamed(bytes.AsSpan(at), type)))
            {
                at += BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at + 4));
            }

            change(bytes.AsSpan(at, BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at + 4))));
            device.Write(place, bytes);
        }

        return device;
    }

    /// <summary>$BadClus has an empty unnamed stream before the one that counts.</summary>
    private static bool IsUnnamed(ReadOnlySpan<byte> attribute, uint type) => type == Data && attribute[9] == 0;

    private static void Overwrite(SnapshotDevice device, ulong record, ReadOnlySpan<byte> content)
    {
        long place;
        var geometry = VolumeGeometry.Read(device);
        using (var volume = new MountedVolume(new DirectDevice(device)))
        {
            place = volume.RunsOf(record)[0].Lcn * geometry.ClusterSize;
        }

        var page = new byte[4096];
        content.CopyTo(page);
        device.Write(new LunByteOffset(place), page);
    }

    private delegate void Change(Span<byte> attribute);
}
