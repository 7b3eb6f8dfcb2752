using Covol.Tests.Ntfs.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Ntfs;

/// <summary>
/// Power cuts after every write and flush of random work. After each the volume must be sound, hold exactly what the step
/// before or after
/// the cut left, all that was acknowledged among it, also when the recovery is cut itself. The cuts fall between commits and the
/// write-back of their pages, and into the write-back, too.
/// </summary>
public sealed class CrashTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_volume_comes_back_whole_from_every_cut(int seed) =>
        RecoverFromAll(CrashTrial.Run(new CrashSettings(seed, 80) { Volume = FormattedVolume.Tight }));

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    public void Names_in_large_groups_come_back_whole_from_every_cut(int seed) =>
        RecoverFromAll(CrashTrial.Run(new CrashSettings(seed, 50) { Mix = WorkMix.Names, Volume = FormattedVolume.Tight }));

    [Theory]
    [InlineData(21)]
    [InlineData(22)]
    public void Data_that_nodes_wrote_comes_back_whole_from_every_cut(int seed) =>
        RecoverFromAll(CrashTrial.Run(new CrashSettings(seed, 80) { Mix = WorkMix.Data }));

    [Theory]
    [InlineData(41)]
    [InlineData(42)]
    public void Files_with_holes_come_back_whole_from_every_cut(int seed) =>
        RecoverFromAll(CrashTrial.Run(new CrashSettings(seed, 90) { Mix = WorkMix.Holes }));

    [Theory]
    [InlineData(51)]
    [InlineData(52)]
    [InlineData(53)]
    public void Small_files_in_the_journal_come_back_whole_from_every_cut(int seed) =>
        RecoverFromAll(CrashTrial.Run(new CrashSettings(seed, 60) { Mix = WorkMix.SmallFiles }));

    [Fact]
    public void Laps_that_turn_by_themselves_lose_nothing() =>
        RecoverFromAll(
        CrashTrial.Run(new CrashSettings(31, 80) { StepsPerCheckpoint = int.MaxValue, Volume = FormattedVolume.Tight }));

    [Theory]
    [InlineData(71)]
    [InlineData(72)]
    public void A_volume_with_sectors_of_4096_bytes_comes_back_whole_from_every_cut(int seed)
    {
        var trial = CrashTrial.Run(new CrashSettings(seed, 70) { Volume = FormattedVolume.LargeSectors });

        trial.WroteWholeBlocksOf(4096).ShouldBeTrue();
        RecoverFromAll(trial);
    }

    [Fact]
    public void Files_with_holes_on_sectors_of_4096_bytes_come_back_whole_from_every_cut() =>
        RecoverFromAll(CrashTrial.Run(new CrashSettings(73, 80) { Mix = WorkMix.Holes, Volume = FormattedVolume.LargeSectors }));

    private static void RecoverFromAll(CrashTrial trial)
    {
        foreach (var unflushed in Enum.GetValues<CrashPoints.Unflushed>())
        {
            trial.Recover(unflushed).ShouldBeEmpty();
        }

        trial.Cuts.ShouldBeGreaterThan(2_000);
        trial.CutsBeforeWriteBack.ShouldBeGreaterThan(500);
        trial.PartialSteps.ShouldBeGreaterThan(10);
    }
}
