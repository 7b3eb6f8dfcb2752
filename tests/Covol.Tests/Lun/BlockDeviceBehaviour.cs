using Covol.Lun;
using Covol.Protocol.Units;
using Shouldly;
using Xunit;

namespace Covol.Tests.Lun;

/// <summary>What every block device does, shown on each of them.</summary>
public abstract class BlockDeviceBehaviour : IDisposable
{
    protected abstract IBlockDevice Device { get; }

    public void Dispose()
    {
        Close();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public void What_was_written_is_read_again()
    {
        var data = TemporaryLun.RandomBytes(3 * 4096);

        Device.Write(new LunByteOffset(8192), data);
        Device.Flush();

        var back = new byte[data.Length];
        Device.Read(new LunByteOffset(8192), back);
        back.ShouldBe(data);
    }

    [Fact]
    public void Memory_may_lie_anywhere()
    {
        using var memory = new AlignedBuffer(1 << 20);
        var data = TemporaryLun.RandomBytes(600 << 10);
        data.CopyTo(memory.GetSpan(1, data.Length));

        Device.Write(new LunByteOffset(Device.BlockSize), memory.GetSpan(1, data.Length));

        memory.GetSpan().Clear();
        Device.Read(new LunByteOffset(Device.BlockSize), memory.GetSpan(3, data.Length));
        memory.GetSpan(3, data.Length).SequenceEqual(data).ShouldBeTrue();
    }

    [Fact]
    public void A_fresh_device_reads_as_zeroes()
    {
        var data = TemporaryLun.RandomBytes(4096);

        Device.Read(new LunByteOffset(Device.Size.Value - 4096), data);

        data.ShouldAllBe(value => value == 0);
    }

    [Fact]
    public void A_read_past_the_end_says_so()
    {
        var failure = Should.Throw<LunException>(
            () => Device.Read(new LunByteOffset(Device.Size.Value - Device.BlockSize), new byte[2 * Device.BlockSize]));

        failure.Error.ShouldBe(LunError.OutOfRange);
    }

    [Theory]
    [InlineData(-4096)]
    [InlineData(long.MaxValue - 4095)]
    public void A_write_outside_the_device_says_so(long at)
    {
        Should.Throw<LunException>(() => Device.Write(new LunByteOffset(at), new byte[4096])).Error.ShouldBe(LunError.OutOfRange);
        Should.Throw<LunException>(() => Device.WriteZeroes(new LunByteOffset(at), new ByteCount(4096)))
            .Error.ShouldBe(LunError.OutOfRange);
    }

    [Fact]
    public void Parts_of_blocks_are_refused()
    {
        Should.Throw<ArgumentException>(() => Device.Read(new LunByteOffset(1), new byte[Device.BlockSize]));
        Should.Throw<ArgumentException>(() => Device.Write(new LunByteOffset(0), new byte[Device.BlockSize - 1]));
        Should.Throw<ArgumentException>(() => Device.Discard(new LunByteOffset(100), new ByteCount(Device.BlockSize)));
    }

    [Theory]
    [InlineData(0, 4096)]
    [InlineData(1, 4096)]
    [InlineData(1, 1)]
    [InlineData(7, 512)]
    [InlineData(8, 20)]
    [InlineData(3, 5)]
    public void Zeroes_are_written_exactly_where_they_belong(int firstBlock, int blocks)
    {
        var unit = Device.BlockSize;
        blocks = Math.Min(blocks, (4 << 20) / unit);
        var data = TemporaryLun.RandomBytes((firstBlock + blocks + 9) * unit / 4096 * 4096 + 4096);
        Device.Write(new LunByteOffset(0), data);

        Device.WriteZeroes(new LunByteOffset(firstBlock * unit), new ByteCount(blocks * unit));

        var back = new byte[data.Length];
        Device.Read(new LunByteOffset(0), back);
        data.AsSpan(firstBlock * unit, blocks * unit).Clear();
        back.AsSpan().SequenceEqual(data).ShouldBeTrue();
    }

    [Fact]
    public void A_discard_touches_nothing_beside_it()
    {
        var data = TemporaryLun.RandomBytes(64 << 10);
        Device.Write(new LunByteOffset(0), data);

        Device.Discard(new LunByteOffset(Device.BlockSize), new ByteCount(data.Length - (2 * Device.BlockSize)));

        var back = new byte[data.Length];
        Device.Read(new LunByteOffset(0), back);
        back.AsSpan(0, Device.BlockSize).SequenceEqual(data.AsSpan(0, Device.BlockSize)).ShouldBeTrue();
        back.AsSpan(^Device.BlockSize..).SequenceEqual(data.AsSpan(^Device.BlockSize..)).ShouldBeTrue();
    }

    [Fact]
    public void A_closed_device_says_so()
    {
        Device.Dispose();

        Should.Throw<ObjectDisposedException>(() => Device.Write(new LunByteOffset(0), new byte[4096]));
        Should.Throw<ObjectDisposedException>(() => Device.Read(new LunByteOffset(0), new byte[4096]));
    }

    protected abstract void Close();
}
