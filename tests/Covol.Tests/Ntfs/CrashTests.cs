using Covol.Ntfs;
using Covol.Ntfs.Journal;
using Covol.Tests.Ntfs.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Ntfs;

/// <summary>
/// Power cuts at every kind of place in the log of writes. After each the volume must be sound, its tree that of before or
/// after the step that was
/// cut, and everything acknowledged must be in it and in the caller's state.
/// </summary>
public sealed class CrashTests
{
    private const int Steps = 120;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_disk_that_writes_in_order_comes_back_whole(int seed)
    {
        var trial = CrashTrial.Run(seed, Steps, JournalControls.All);

        trial.Recover(CrashPoints.Unflushed.Ordered, JournalControls.All, stride: 7).ShouldBeEmpty();
    }

    [Theory]
    [InlineData(3)]
    [InlineData(4)]
    public void A_disk_that_tears_and_reorders_comes_back_whole(int seed)
    {
        var trial = CrashTrial.Run(seed, Steps, JournalControls.All);

        trial.Recover(CrashPoints.Unflushed.Shuffled, JournalControls.All, stride: 5).ShouldBeEmpty();
        trial.Recover(CrashPoints.Unflushed.Lost, JournalControls.All, stride: 11).ShouldBeEmpty();
    }

    [Fact]
    public void A_lap_that_turns_by_itself_loses_nothing()
    {
        // No checkpoint by the caller: the 2 MiB journal turns its lap when it is full, and takes the caller's state along.
        var trial = CrashTrial.Run(5, 200, JournalControls.All, stepsPerCheckpoint: int.MaxValue);

        trial.Recover(CrashPoints.Unflushed.Shuffled, JournalControls.All, stride: 17).ShouldBeEmpty();
    }

    [Fact]
    public void Without_a_flush_before_the_pages_are_applied_volumes_break()
    {
        var without = JournalControls.All with { FlushBeforeApply = false };
        var trial = CrashTrial.Run(6, Steps, without);

        trial.Recover(CrashPoints.Unflushed.Shuffled, without, stride: 5).ShouldNotBeEmpty();
    }

    [Fact]
    public void Without_the_checksum_torn_records_break_volumes()
    {
        var without = JournalControls.All with { VerifyChecksum = false };
        var trial = CrashTrial.Run(7, Steps, JournalControls.All);

        trial.Recover(CrashPoints.Unflushed.Shuffled, without, stride: 3).ShouldNotBeEmpty();
        trial.Recover(CrashPoints.Unflushed.Shuffled, JournalControls.All, stride: 3).ShouldBeEmpty();
    }

    [Fact]
    public void A_freshly_formatted_volume_is_sound() => VolumeChecker.Check(FormattedVolume.Small()).ShouldBeEmpty();
}
