using System.Buffers.Binary;
using Covol.Protocol.Units;
using Covol.VirtualMachines.Disks;
using Shouldly;
using Xunit;

namespace Covol.Tests.VirtualMachines;

/// <summary>What a disk file is, from its first and last bytes.</summary>
public sealed class DiskProbes
{
    private const long Size = 32 << 20;

    [Fact]
    public void A_fixed_VHD_is_used_without_its_footer()
    {
        DiskProbe.Of("x.vhd", new ByteCount(Size + 512), new byte[4096], Footer(2, Size))
            .ShouldBe(new DiskProbe.Usable(DiskFormat.FixedVhd, new ByteCount(Size)));
    }

    [Fact]
    public void A_fixed_VHD_that_was_cut_or_damaged_is_refused()
    {
        var damaged = Footer(2, Size);
        damaged[20] ^= 1;

        Sentence(new ByteCount(Size + 512), new byte[4096], damaged).ShouldContain("wrong checksum");
        Sentence(new ByteCount(Size), new byte[4096], Footer(2, Size)).ShouldContain("was cut");
    }

    [Theory]
    [InlineData("conectix", "a dynamic VHD")]
    [InlineData("vhdxfile", "a VHDX")]
    [InlineData("KDMV", "a VMDK")]
    [InlineData("# Disk DescriptorFile", "a VMDK")]
    public void A_format_that_cannot_move_names_the_command_that_converts_it(string magic, string what)
    {
        var sentence = Sentence(new ByteCount(Size), Head(magic), Footer(3, Size));

        sentence.ShouldContain($"is {what}, which QEMU cannot live migrate");
        sentence.ShouldContain("covol disk convert x.vhd x-fixed.vhd");
        sentence.ShouldContain("qemu-img convert -f ");
    }

    [Fact]
    public void A_differencing_VHD_is_no_fixed_one() =>
        Sentence(new ByteCount(Size + 512), new byte[4096], Footer(4, Size)).ShouldContain("covol disk convert");

    [Fact]
    public void A_qcow2_says_its_size_unless_it_leans_on_another_file()
    {
        var head = Head("QFI");
        head[3] = 0xfb;
        BinaryPrimitives.WriteUInt64BigEndian(head.AsSpan(24), 64 << 20);

        DiskProbe.Of("x.qcow2", new ByteCount(200_000), head, new byte[512])
            .ShouldBe(new DiskProbe.Usable(DiskFormat.Qcow2, ByteCount.FromMebibytes(64)));

        BinaryPrimitives.WriteUInt64BigEndian(head.AsSpan(8), 512);
        Sentence(new ByteCount(200_000), head, new byte[512]).ShouldContain("overlay");
    }

    [Fact]
    public void Anything_else_of_whole_sectors_is_raw()
    {
        DiskProbe.Of("x.img", new ByteCount(Size), new byte[4096], new byte[512])
            .ShouldBe(new DiskProbe.Usable(DiskFormat.Raw, new ByteCount(Size)));
        Sentence(new ByteCount(Size + 1), new byte[4096], new byte[512]).ShouldContain("no multiple of 512");
        Sentence(default, [], []).ShouldContain("covol disk create");
    }

    [Fact]
    public void A_missing_disk_names_the_command_that_makes_one() =>
        DiskImage.Probe("/nonexistent/x.vhd").ShouldBeOfType<DiskProbe.Refused>().Sentence.ShouldContain("covol disk create");

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(512)]
    public void Bytes_that_are_too_few_for_any_format_do_no_harm(int bytes)
    {
        var head = Head("QFI")[..bytes];

        Should.NotThrow(() => DiskProbe.Of("x", new ByteCount(bytes), head, head));
    }

    private static string Sentence(ByteCount size, byte[] head, byte[] tail) =>
        DiskProbe.Of("x.vhd", size, head, tail).ShouldBeOfType<DiskProbe.Refused>().Sentence;

    private static byte[] Head(string magic)
    {
        var head = new byte[4096];
        System.Text.Encoding.ASCII.GetBytes(magic, head);
        return head;
    }

    private static byte[] Footer(uint type, long size)
    {
        var footer = new byte[512];
        "conectix"u8.CopyTo(footer);
        BinaryPrimitives.WriteInt64BigEndian(footer.AsSpan(48), size);
        BinaryPrimitives.WriteUInt32BigEndian(footer.AsSpan(60), type);
        BinaryPrimitives.WriteUInt32BigEndian(footer.AsSpan(64), ~(uint)footer.Sum(value => value));
        return footer;
    }
}
