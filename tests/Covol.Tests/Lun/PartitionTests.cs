using Covol.Lun;
using Covol.Protocol.Units;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;

namespace Covol.Tests.Lun;

/// <summary>A LUN with a partition table is used through one partition, or refused with a sentence.</summary>
public sealed class PartitionTests : IDisposable
{
    private const long Mebibyte = 1 << 20;
    private readonly TemporaryLun _backing = new();

    public void Dispose() => _backing.Dispose();

    [Fact]
    public void The_checksum_is_that_of_the_standard() => Crc32.Of("123456789"u8).ShouldBe(0xCBF4_3926);

    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    public void The_one_NTFS_partition_is_found(int sector)
    {
        using var lun = FileLun.Open(_backing.Path, NullLogger.Instance);
        new GptImage(lun, sector).Add(GptImage.Linux, 6 * Mebibyte, Mebibyte).Add(GptImage.BasicData, 2 * Mebibyte, 3 * Mebibyte, true).Write();

        var found = PartitionTable.Read(lun).ShouldNotBeNull().OnlyNtfs();

        found.ShouldBe(new Partition(2, new LunByteOffset(2 * Mebibyte), new ByteCount(3 * Mebibyte), true));
    }

    [Fact]
    public void A_LUN_without_a_table_has_none()
    {
        using var lun = FileLun.Open(_backing.Path, NullLogger.Instance);
        PartitionTable.Read(lun).ShouldBeNull();

        // A file system at the first byte counts, whatever stands in its boot program.
        new GptImage(lun, 512).Add(GptImage.BasicData, 0, 8 * Mebibyte, true).Write();
        var boot = new byte[4096];
        lun.Read(default, boot);
        "NTFS    "u8.CopyTo(boot.AsSpan(3));
        lun.Write(default, boot);
        PartitionTable.Read(lun).ShouldBeNull();
    }

    [Fact]
    public void No_and_several_NTFS_partitions_are_refused()
    {
        using var lun = FileLun.Open(_backing.Path, NullLogger.Instance);
        new GptImage(lun, 512).Add(GptImage.BasicData, Mebibyte, Mebibyte).Add(GptImage.Linux, 3 * Mebibyte, Mebibyte, true).Write();
        Should.Throw<LunException>(() => PartitionTable.Read(lun)!.OnlyNtfs()).Message.ShouldContain("none of which holds NTFS");

        new GptImage(lun, 512).Add(GptImage.BasicData, Mebibyte, Mebibyte, true).Add(GptImage.BasicData, 3 * Mebibyte, Mebibyte, true).Write();
        Should.Throw<LunException>(() => PartitionTable.Read(lun)!.OnlyNtfs()).Message.ShouldContain("2 NTFS partitions (1, 2)");
    }

    [Fact]
    public void A_damaged_table_is_refused_wherever_the_damage_is()
    {
        using var lun = FileLun.Open(_backing.Path, NullLogger.Instance);
        var end = lun.Size.Value;
        foreach (var (place, says) in ((long, string)[])
        [
            (512, "its first header is not there"), (512 + 40, "wrong checksum"), (1024 + 3, "entries behind its first header"),
            (end - 512, "its second header is none"), (end - 512 + 40, "its second header has a wrong checksum"),
            (end - 512 - 16384, "entries behind its second header"),
        ])
        {
            new GptImage(lun, 512).Add(GptImage.BasicData, Mebibyte, Mebibyte, true).Write();
            Flip(lun, place);

            Should.Throw<LunException>(() => PartitionTable.Read(lun)).Message.ShouldContain(says);
        }
    }

    [Fact]
    public void Partitions_that_overlap_or_lie_outside_are_refused()
    {
        using var lun = FileLun.Open(_backing.Path, NullLogger.Instance);
        new GptImage(lun, 512).Add(GptImage.BasicData, Mebibyte, 2 * Mebibyte).Add(GptImage.BasicData, 2 * Mebibyte, Mebibyte).Write();
        Should.Throw<LunException>(() => PartitionTable.Read(lun)).Message.ShouldContain("overlap");

        new GptImage(lun, 512).Add(GptImage.BasicData, Mebibyte, lun.Size.Value).Write();
        Should.Throw<LunException>(() => PartitionTable.Read(lun)).Message.ShouldContain("lies outside");
    }

    [Fact]
    public void A_partition_named_by_its_first_byte_is_the_LUN()
    {
        using (var lun = FileLun.Open(_backing.Path, NullLogger.Instance))
        {
            new GptImage(lun, 512).Add(GptImage.BasicData, 2 * Mebibyte, Mebibyte).Write();
        }

        var uri = LunUri.Parse($"file:{_backing.Path}#partition={2 * Mebibyte}");
        uri.ToString().ShouldBe($"file:{_backing.Path}#partition=2097152");
        using var part = uri.Open(NullLogger.Instance);
        part.Size.Value.ShouldBe(Mebibyte);
        part.DescriptorOffset.ShouldBe(2 * Mebibyte);
        part.Write(new LunByteOffset(4096), Enumerable.Repeat((byte)7, 4096).ToArray());
        part.WriteZeroes(new LunByteOffset(4096 + 512), new ByteCount(512));
        Should.Throw<LunException>(() => part.Write(new LunByteOffset(Mebibyte - 4096), new byte[8192])).Error.ShouldBe(LunError.OutOfRange);
        Should.Throw<LunException>(() => part.Discard(new LunByteOffset(Mebibyte), new ByteCount(4096))).Error.ShouldBe(LunError.OutOfRange);

        using var whole = FileLun.Open(_backing.Path, NullLogger.Instance);
        var bytes = new byte[4096];
        whole.Read(new LunByteOffset((2 * Mebibyte) + 4096), bytes);
        bytes.Count(value => value == 7).ShouldBe(4096 - 512);
        bytes[512].ShouldBe((byte)0);
    }

    [Fact]
    public void A_partition_that_went_or_is_not_aligned_is_refused()
    {
        using (var lun = FileLun.Open(_backing.Path, NullLogger.Instance))
        {
            new GptImage(lun, 512).Add(GptImage.BasicData, Mebibyte + 512, Mebibyte).Add(GptImage.Linux, 4 * Mebibyte, Mebibyte + 512).Write();
        }

        foreach (var (start, says) in ((long, string)[])
            [(2 * Mebibyte, "no partition that begins at byte 2097152"), (Mebibyte + 512, "whole pages"), (4 * Mebibyte, "whole pages")])
        {
            Should.Throw<LunException>(() => LunUri.Parse($"file:{_backing.Path}#partition={start}").Open(NullLogger.Instance)).Message
                .ShouldContain(says);
        }
    }

    private static void Flip(FileLun lun, long place)
    {
        var from = place / 4096 * 4096;
        var page = new byte[4096];
        lun.Read(new LunByteOffset(from), page);
        page[place - from] ^= 0x40;
        lun.Write(new LunByteOffset(from), page);
    }
}
