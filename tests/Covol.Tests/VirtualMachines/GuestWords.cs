using Covol.Lab.Guest;
using Shouldly;
using Xunit;

namespace Covol.Tests.VirtualMachines;

/// <summary>What the test guest says on its console.</summary>
public sealed class GuestWords
{
    private static readonly DateTimeOffset s_start = DateTimeOffset.FromUnixTimeSeconds(1_000_000);

    [Fact]
    public void Its_lines_are_understood_and_others_passed_over()
    {
        GuestLine.Parse("READY seq=1 blocks=4096 per=10 bad=0").ShouldBe(new GuestLine.Ready(1, 4096, 10, 0));
        GuestLine.Parse("T 17 10 2 31 0\r").ShouldBe(new GuestLine.Tick(17, 10, 2, 31, 0));
        GuestLine.Parse("E 18 5 read back").ShouldBe(new GuestLine.IoError(18, 5, "read back"));
        GuestLine.Parse("BYE 20").ShouldBe(new GuestLine.Bye(20));
        GuestLine.Parse("FATAL /dev/vda: No such file or directory")
            .ShouldBe(new GuestLine.Fatal("/dev/vda: No such file or directory"));
        GuestLine.Parse("[    1.0] virtio_blk virtio0: [vda] 65536 512-byte logical blocks").ShouldBeNull();
        GuestLine.Parse("T 17 10").ShouldBeNull();
        GuestLine.Parse("").ShouldBeNull();
    }

    [Fact]
    public void A_pause_is_measured_by_the_clock_outside()
    {
        var ticks = new GuestTicks();
        ticks.Take(s_start, "READY seq=5 blocks=4096 per=10 bad=0");
        ticks.Take(s_start.AddSeconds(9), "T 5 10 1 10 0");
        ticks.Take(s_start.AddMilliseconds(9010), "T 6 10 1 10 0");
        ticks.Take(s_start.AddMilliseconds(9500), "T 7 12 3 12 0");
        ticks.Take(s_start.AddMilliseconds(9510), "BYE 7");

        ticks.PauseMax.ShouldBe(TimeSpan.FromMilliseconds(490));
        ticks.PauseMaxAt.ShouldBe(s_start.AddMilliseconds(9500));
        ticks.FirstSequence.ShouldBe(5);
        ticks.LastSequence.ShouldBe(7);
        ticks.Starts.ShouldBe(1);
        ticks.SaidBye.ShouldBeTrue();
        ticks.Recent.Select(tick => tick.IoMs).ShouldBe([1, 1, 3]);
    }

    [Fact]
    public void A_new_start_is_no_pause_but_is_counted()
    {
        var ticks = new GuestTicks();
        ticks.Take(s_start, "T 5 10 1 10 0");
        ticks.Take(s_start.AddSeconds(30), "READY seq=6 blocks=4096 per=10 bad=0");
        ticks.Take(s_start.AddSeconds(31), "T 6 10 1 10 0");
        ticks.Take(s_start.AddSeconds(31), "E 7 5 write");

        ticks.PauseMax.ShouldBe(TimeSpan.Zero);
        ticks.Starts.ShouldBe(1);
        ticks.IoErrors.ShouldBe(1);
    }
}
