using Covol.Lun;
using Shouldly;
using Xunit;

namespace Covol.Tests.Lun;

public sealed class AlignedBufferTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(4096)]
    [InlineData(1_000_000)]
    public void It_begins_on_a_page_and_starts_zeroed(int length)
    {
        using var buffer = new AlignedBuffer(length);

        (buffer.Address % AlignedBuffer.Alignment).ShouldBe(0);
        buffer.GetSpan().Length.ShouldBe(length);
        buffer.GetSpan().IndexOfAnyExcept((byte)0).ShouldBe(-1);
    }

    [Fact]
    public void A_disposed_one_gives_no_memory_away()
    {
        var buffer = new AlignedBuffer(4096);
        buffer.Dispose();
        buffer.Dispose();

        Should.Throw<ObjectDisposedException>(() => buffer.GetSpan());
        Should.Throw<ObjectDisposedException>(() => buffer.Address);
    }

    [Fact]
    public void Its_length_has_limits()
    {
        Should.Throw<ArgumentOutOfRangeException>(() => new AlignedBuffer(0));
        Should.Throw<ArgumentOutOfRangeException>(() => new AlignedBuffer(int.MaxValue));
    }
}
