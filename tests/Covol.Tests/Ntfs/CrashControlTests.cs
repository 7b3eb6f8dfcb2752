using Covol.Ntfs;
using Covol.Ntfs.Journal;
using Covol.Tests.Ntfs.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Ntfs;

/// <summary>Each guard of the journal is switched off once, and the crash trials have to notice.</summary>
public sealed class CrashControlTests
{
    [Fact]
    public void Without_a_flush_of_the_record_volumes_break()
    {
        var without = CrashSettings.Often with { FlushRecords = false };

        var trial = CrashTrial.Run(new CrashSettings(6, 20) { Controls = without });

        trial.Recover(CrashPoints.Unflushed.Shuffled).ShouldNotBeEmpty();
    }

    [Fact]
    public void Without_a_flush_between_the_pages_and_the_superblock_volumes_break()
    {
        var settings = new CrashSettings(9, 40) { StepsPerCheckpoint = 5 };

        var without = settings with { Controls = CrashSettings.Often with { FlushBeforeLap = false } };
        CrashTrial.Run(without).Recover(CrashPoints.Unflushed.Dropped).ShouldNotBeEmpty();
        CrashTrial.Run(settings).Recover(CrashPoints.Unflushed.Dropped).ShouldBeEmpty();
    }

    [Fact]
    public void Without_all_pages_in_their_places_before_the_superblock_volumes_break()
    {
        var settings = new CrashSettings(12, 40) { StepsPerCheckpoint = 5 };

        var without = settings with { Controls = CrashSettings.Often with { WriteBackBeforeLap = false } };
        CrashTrial.Run(without).Recover(CrashPoints.Unflushed.Ordered).ShouldNotBeEmpty();
        CrashTrial.Run(settings).Recover(CrashPoints.Unflushed.Ordered).ShouldBeEmpty();
    }

    [Fact]
    public void Without_the_checksum_torn_records_break_volumes()
    {
        var without = JournalControls.All with { VerifyChecksum = false };
        var trial = CrashTrial.Run(new CrashSettings(7, 20));

        trial.Recover(CrashPoints.Unflushed.Shuffled, without).ShouldNotBeEmpty();
        trial.Recover(CrashPoints.Unflushed.Shuffled).ShouldBeEmpty();
    }

    [Fact]
    public void Without_the_chain_records_of_an_older_lap_come_back()
    {
        var without = JournalControls.All with { VerifyChain = false };
        var trial = CrashTrial.Run(new CrashSettings(8, 40) { StepsPerCheckpoint = 5, Volume = FormattedVolume.Tight });

        trial.Recover(CrashPoints.Unflushed.Lost, without).ShouldNotBeEmpty();
        trial.Recover(CrashPoints.Unflushed.Lost).ShouldBeEmpty();
    }

    [Fact]
    public void Without_a_flush_before_valid_length_old_content_shows()
    {
        // The record's own flush covers the data too; what hurts is a disk that writes the record first.
        var settings = new CrashSettings(10, 40) { Mix = WorkMix.Data, Volume = FormattedVolume.Tight };

        CrashTrial.Run(settings with { FlushesData = false }).Recover(CrashPoints.Unflushed.Dropped).ShouldNotBeEmpty();
        CrashTrial.Run(settings).Recover(CrashPoints.Unflushed.Dropped).ShouldBeEmpty();
    }

    [Fact]
    public void Without_a_flush_before_a_hole_is_filled_old_content_shows()
    {
        var settings = new CrashSettings(43, 120) { Mix = WorkMix.FilledHoles, Volume = FormattedVolume.Tight };

        CrashTrial.Run(settings with { FlushesData = false }).Recover(CrashPoints.Unflushed.Dropped).ShouldNotBeEmpty();
        CrashTrial.Run(settings).Recover(CrashPoints.Unflushed.Dropped).ShouldBeEmpty();
    }

    [Fact]
    public void A_freshly_formatted_volume_is_sound() => VolumeChecker.Check(FormattedVolume.Small()).ShouldBeEmpty();
}
