using Covol.Lun;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;

namespace Covol.Tests.Lun;

public sealed class FileLunTests : BlockDeviceBehaviour
{
    private readonly TemporaryLun _backing = new();
    private FileLun? _device;

    protected override IBlockDevice Device => _device ??= _backing.Open();

    [Fact]
    public void Its_descriptor_is_opened_for_direct_io_and_closes_on_exec()
    {
        var lun = (FileLun)Device;

        var flags = File.ReadAllLines($"/proc/self/fdinfo/{lun.Descriptor}")
            .Single(line => line.StartsWith("flags:", StringComparison.Ordinal));

        var bits = Convert.ToInt64(flags["flags:".Length..].Trim(), 8);
        (bits & 0x4000).ShouldBe(0x4000);
        (bits & 0x80000).ShouldBe(0x80000);
        lun.DescriptorOffset.ShouldBe(0);
    }

    [Fact]
    public void A_backing_file_is_sparse_and_as_large_as_asked()
    {
        using var large = new TemporaryLun(1L << 40);

        large.Open().Size.ShouldBe(new ByteCount(1L << 40));
    }

    [Fact]
    public void An_existing_file_is_never_overwritten()
    {
        var failure = Should.Throw<LunException>(() => FileLun.CreateBacking(_backing.Path, new ByteCount(4096)));

        failure.Message.ShouldContain("exists already");
        new FileInfo(_backing.Path).Length.ShouldBe(16 << 20);
    }

    [Fact]
    public void A_missing_file_is_named()
    {
        var failure = Should.Throw<LunException>(() => FileLun.Open(_backing.Path + ".gone", NullLogger.Instance));

        failure.Error.ShouldBe(LunError.NotFound);
        failure.Message.ShouldContain(_backing.Path + ".gone");
    }

    [Fact]
    public void A_folder_is_no_lun() =>
        Should.Throw<LunException>(() => FileLun.Open(_backing.Folder, NullLogger.Instance)).Error.ShouldBe(LunError.NotFound);

    [Fact]
    public void A_file_that_shrank_says_so()
    {
        var lun = (FileLun)Device;
        using (var file = File.OpenHandle(_backing.Path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            RandomAccess.SetLength(file, 4096);
        }

        Should.Throw<LunException>(() => lun.Read(new LunByteOffset(4096), new byte[4096])).Error.ShouldBe(LunError.OutOfRange);
    }

    [Fact]
    public void A_symbolic_link_leads_to_the_same_reservations()
    {
        var link = Path.Combine(_backing.Folder, "link");
        File.CreateSymbolicLink(link, _backing.Path);
        using var through = FileLun.Open(link, NullLogger.Instance);

        through.Register(new ReservationKey(7));

        _backing.Open().ReadKeys().ShouldBe([new ReservationKey(7)]);
    }

    [Fact]
    public void Reading_writing_and_counting_allocate_nothing()
    {
        var lun = (FileLun)Device;
        lun.Register(new ReservationKey(1));
        lun.Reserve();
        using var aligned = new AlignedBuffer(4096);
        var unaligned = new byte[4096 + 64].AsSpan(1, 4096);
        RunOnce(lun, aligned, unaligned);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var round = 0; round < 100; round++)
        {
            RunOnce(lun, aligned, unaligned);
        }

        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
    }

    protected override void Close() => _backing.Dispose();

    private static void RunOnce(FileLun lun, AlignedBuffer aligned, Span<byte> unaligned)
    {
        lun.Write(new LunByteOffset(4096), aligned.GetSpan());
        lun.Read(new LunByteOffset(4096), aligned.GetSpan());
        lun.Write(new LunByteOffset(8192), unaligned);
        lun.Read(new LunByteOffset(8192), unaligned);
        if (lun.TryEnter())
        {
            lun.Leave();
        }
    }
}
