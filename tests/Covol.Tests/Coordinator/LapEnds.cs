using Covol.Coordinator.Metadata;
using Covol.Ntfs;
using Covol.Protocol.Files;
using Covol.Tests.Coordinator.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Coordinator;

/// <summary>When the groups of the coordinator end a lap of the journal.</summary>
public sealed class LapEnds : IDisposable
{
    private readonly MetadataThread _thread = new("test");
    private readonly ModelVolume _volume = new(16);
    private readonly CommitQueue _queue;

    public LapEnds() => _queue = new CommitQueue(
        _thread,
        _volume,
        DurableState.From(_volume.Recover()),
        [],
        failure => throw new InvalidOperationException("The queue failed.", failure));

    public void Dispose() => _thread.Dispose();

    [Fact]
    public async Task A_lap_ends_when_little_is_left_to_be_put_in_its_place()
    {
        _volume.RingUse = 0.6;
        _volume.StepsLeft = 3;

        (await CheckpointsAfterAGroupAsync()).ShouldBe(0);
        (await CheckpointsAfterAGroupAsync()).ShouldBe(0);
        (await CheckpointsAfterAGroupAsync()).ShouldBe(1);
    }

    [Fact]
    public async Task A_lap_that_is_nearly_full_ends_whatever_is_left()
    {
        _volume.RingUse = 0.71;
        _volume.StepsLeft = 100;

        (await CheckpointsAfterAGroupAsync()).ShouldBe(1);
    }

    private async Task<int> CheckpointsAfterAGroupAsync()
    {
        await _queue.ChangeAsync(context => context.Volume.SetAttributes(context.Volume.Root, new AttributeChange()));
        return await _thread.RunAsync(() => _volume.Checkpoints);
    }
}
