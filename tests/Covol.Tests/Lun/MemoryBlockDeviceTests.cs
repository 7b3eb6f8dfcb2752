using Covol.Lun;
using Covol.Protocol.Units;
using Shouldly;
using Xunit;

namespace Covol.Tests.Lun;

public sealed class MemoryBlockDeviceTests : BlockDeviceBehaviour
{
    private readonly MemoryBlockDevice _device = new(new ByteCount(16 << 20));

    protected override IBlockDevice Device => _device;

    [Fact]
    public void Sixty_four_tebibytes_cost_what_was_written()
    {
        using var device = new MemoryBlockDevice(new ByteCount(64L << 40));
        var data = TemporaryLun.RandomBytes(512);

        device.Write(new LunByteOffset((64L << 40) - 512), data);
        var back = new byte[512];
        device.Read(new LunByteOffset((64L << 40) - 512), back);

        back.ShouldBe(data);
        device.Resident.Value.ShouldBeLessThanOrEqualTo(64 << 10);
    }

    [Fact]
    public void Zeroing_all_of_it_is_cheap_and_gives_the_memory_back()
    {
        using var device = new MemoryBlockDevice(new ByteCount(64L << 40));
        device.Write(new LunByteOffset(1L << 45), TemporaryLun.RandomBytes(512));

        device.WriteZeroes(new LunByteOffset(0), device.Size);

        device.Resident.ShouldBe(ByteCount.Zero);
    }

    [Theory]
    [InlineData(256)]
    [InlineData(8192)]
    [InlineData(1000)]
    public void An_odd_block_size_is_refused(int blockSize) =>
        Should.Throw<ArgumentOutOfRangeException>(() => new MemoryBlockDevice(new ByteCount(1 << 20), blockSize));

    protected override void Close() => _device.Dispose();
}
