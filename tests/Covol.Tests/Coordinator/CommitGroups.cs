using Covol.Coordinator.Metadata;
using Covol.Ntfs;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Tests.Coordinator.Support;
using Covol.Tests.Ntfs.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Coordinator;

/// <summary>A group's record fits the journal, however much one operation changes (SAFETY 17).</summary>
public sealed class CommitGroups
{
    [Fact]
    public async Task A_hundred_large_files_that_are_freed_at_once_do_not_outgrow_the_journal()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        for (var number = 0; number < 100; number++)
        {
            var (file, _) = await client.CreateAsync($"disk{number}.raw");
            await client.AskAsync<Entry>(new SetSize(file, new ByteCount(4_096)));
            await client.AskAsync<Done>(new Unlink(client.Root, $"disk{number}.raw", IsDirectory: false));
        }

        world.Volume.Orphans().Count.ShouldBe(100);
        world.Volume.ShareOfEachChange = 0.04;

        await client.AskAsync<Done>(new CloseSession());
        await world.UntilAsync(() => world.Volume.Free.Count == 1024);

        world.FailedBecause.ShouldBeNull();
        world.Volume.LargestCommit.ShouldBeLessThan(0.5);
    }

    [Fact]
    public async Task Operations_that_wait_together_are_committed_in_groups_that_fit()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("a");
        using var mayGoOn = new ManualResetEventSlim();
        world.Volume.BeforeAttributes = () => mayGoOn.Wait(TimeSpan.FromSeconds(20));
        var look = client.SendAsync(client.NextId(), new GetAttributes(file));
        world.Volume.ShareOfEachChange = 0.04;
        var changes = Enumerable.Range(1, 60)
            .Select(slot => client.SendAsync(
                client.NextId(slot), new SetAttributes(file, new AttributeChange { Owner = (uint)slot })))
            .ToList();
        await world.Coordinator.GetStateAsync();

        mayGoOn.Set();
        await Task.WhenAll([look, .. changes]);

        world.Volume.LargestCommit.ShouldBeInRange(0.2, 0.5);
    }

    [Fact]
    public async Task Times_of_many_files_are_committed_in_slices()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        FileId file = default;
        for (var number = 0; number < 200; number++)
        {
            (file, _) = await client.CreateAsync($"file{number}");
            await client.AskAsync<Done>(new NoteDirectWrites(file));
        }

        world.Volume.ShareOfEachChange = 0.01;
        await client.AskAsync<Done>(new Synchronize(file, WroteDirectly: true));

        world.FailedBecause.ShouldBeNull();
        world.Volume.LargestCommit.ShouldBeInRange(0.6, 0.7);
    }

    [Fact]
    public async Task A_hundred_files_that_are_freed_at_once_share_commits()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        for (var number = 0; number < 100; number++)
        {
            await client.CreateAsync($"disk{number}.raw");
            await client.AskAsync<Done>(new Unlink(client.Root, $"disk{number}.raw", IsDirectory: false));
        }

        var before = world.Volume.Commits;
        await client.AskAsync<Done>(new CloseSession());
        await world.UntilAsync(() => world.Volume.Orphans().Count == 0);

        (world.Volume.Commits - before).ShouldBeLessThan(20);
    }

    [Fact]
    public async Task What_an_operation_changed_before_it_was_refused_is_in_the_next_commit()
    {
        using var metadata = new MetadataThread("test");
        var (volume, recovery) = await metadata.RunAsync(
            () => NtfsVolume.Open(FormattedVolume.Small(), new Epoch(7), NtfsOptions.Default));
        var failure = new TaskCompletionSource<Exception>(TaskCreationOptions.RunContinuationsAsynchronously);
        var queue = new CommitQueue(metadata, volume, DurableState.From(recovery), [], failed => failure.TrySetResult(failed));

        await Should.ThrowAsync<VolumeException>(queue.ChangeAsync<bool>(context =>
        {
            context.Volume.Create(context.Volume.Root, "half", new NewInode(FileKind.Regular, 0x1A4, 0, 0));
            throw new VolumeException(VolumeError.NoSpace, "The second half does not fit.");
        }));
        var isOver = queue.ReadAsync(context =>
        {
            context.CheckpointLast();
            return true;
        });
        await Task.WhenAny(isOver, failure.Task).WaitAsync(TimeSpan.FromSeconds(20));

        failure.Task.IsCompleted.ShouldBeFalse(failure.Task.IsCompleted ? (await failure.Task).Message : null);
        (await isOver).ShouldBeTrue();
        await metadata.RunAsync(volume.Dispose);
    }
}
