using Covol.Tests.Ntfs.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Ntfs;

/// <summary>
/// Coordinator after coordinator is cut off, each goes on from what the last left; volumes that are full or in pieces too.
/// </summary>
public sealed class TakeoverCrashTests
{
    [Theory]
    [InlineData(41)]
    [InlineData(42)]
    [InlineData(43)]
    public void Each_of_ten_coordinators_goes_on_from_where_the_last_was_cut_off(int seed) =>
        Succeed(new CrashSettings(seed, 12) { StepsPerCheckpoint = 7, Volume = FormattedVolume.Tight }, coordinators: 10);

    [Theory]
    [InlineData(51)]
    [InlineData(52)]
    public void A_full_volume_comes_back_whole(int seed) =>
        Succeed(new CrashSettings(seed, 30) { Volume = FormattedVolume.Full }, coordinators: 3);

    [Theory]
    [InlineData(61)]
    [InlineData(62)]
    public void A_volume_in_pieces_comes_back_whole(int seed) =>
        Succeed(new CrashSettings(seed, 30) { Volume = FormattedVolume.Fragmented, Mix = WorkMix.Data }, coordinators: 3);

    private static void Succeed(CrashSettings settings, int coordinators)
    {
        var random = new Random(settings.Seed);
        var trial = CrashTrial.Run(settings);
        for (var coordinator = 1; ; coordinator++)
        {
            trial.Recover(CrashPoints.Unflushed.Shuffled).ShouldBeEmpty();
            trial.Recover(CrashPoints.Unflushed.Dropped, stride: 3).ShouldBeEmpty();
            if (coordinator == coordinators)
            {
                return;
            }

            var how = (CrashPoints.Unflushed)random.Next(4);
            trial = trial.TakeOver(trial.AnyCut(random), how, settings with { Seed = settings.Seed + (100 * coordinator) });
        }
    }
}
