using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Volume;
using Covol.Tests.Coordinator.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Coordinator;

public sealed class UnlinkedFiles
{
    [Fact]
    public async Task An_unlinked_open_file_lives_until_its_last_close_on_any_node()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var first = await world.ClientAsync(1);
        var second = await world.ClientAsync(2);
        var (file, handle) = await first.CreateAsync("temporary");
        var other = await second.OpenAsync(file);
        await first.WriteAsync(file, 0, RedirectedData.Pattern(40_000, 1));
        var freeWithFile = world.Volume.Free.Count;

        await second.AskAsync<Done>(new Unlink(second.Root, "temporary", IsDirectory: false));
        await first.AskAsync<Done>(new Close(handle));

        (await second.RefusalAsync(new Lookup(second.Root, "temporary"))).ShouldBe(VolumeError.NotFound);
        (await second.AttributesAsync(file)).LinkCount.ShouldBe(0);
        (await second.ReadAsync(file, 0, 40_000)).ShouldBe(RedirectedData.Pattern(40_000, 1));
        await second.AskAsync<Done>(new Close(other));
        await world.UntilAsync(() => world.Volume.Orphans().Count == 0);
        world.Volume.Free.Count.ShouldBe(freeWithFile + 10);
    }

    [Fact]
    public async Task A_replaced_file_that_is_open_keeps_its_data()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (old, _) = await client.CreateAsync("target");
        await client.WriteAsync(old, 0, RedirectedData.Pattern(100, 1));
        await client.CreateAsync("source");

        await client.AskAsync<Done>(new Rename(client.Root, "source", client.Root, "target", RenameMode.Replace));

        (await client.ReadAsync(old, 0, 1_000)).ShouldBe(RedirectedData.Pattern(100, 1));
    }

    [Fact]
    public async Task After_a_takeover_orphans_go_that_nobody_reclaimed_and_only_after_grace()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (kept, keptHandle) = await client.CreateAsync("kept");
        var (lost, _) = await client.CreateAsync("lost");
        await client.AskAsync<Done>(new Unlink(client.Root, "kept", IsDirectory: false));
        await client.AskAsync<Done>(new Unlink(client.Root, "lost", IsDirectory: false));

        await world.TakeOverAsync();
        await client.MoveToAsync(world.Coordinator);
        await client.AskAsync<Done>(new ReclaimHandle(kept, keptHandle, OpenAccess.ReadWrite, [], null));
        world.Volume.Orphans().Count.ShouldBe(2);
        await client.AskAsync<Done>(new ReclaimComplete());
        await world.UntilAsync(() => world.Volume.Orphans().Count == 1);

        world.Volume.Orphans().ShouldBe([kept]);
        (await client.RefusalAsync(new GetAttributes(lost))).ShouldBe(VolumeError.Stale);
    }

    [Fact]
    public async Task An_ended_session_closes_its_files()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        await client.CreateAsync("temporary");
        await client.AskAsync<Done>(new Unlink(client.Root, "temporary", IsDirectory: false));

        await client.AskAsync<Done>(new CloseSession());

        await world.UntilAsync(() => world.Volume.Orphans().Count == 0);
        (await world.Coordinator.GetStateAsync()).Sessions.ShouldBe(0);
    }

    [Fact]
    public async Task A_small_file_that_nobody_has_open_goes_with_its_name_in_one_commit()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var free = world.Volume.Free.Count;
        var (file, handle) = await client.CreateAsync("a");
        await client.WriteAsync(file, 0, RedirectedData.Pattern(5_000, 1));
        await client.AskAsync<Done>(new Close(handle));
        var commits = world.Volume.Commits;

        await client.AskAsync<Done>(new Unlink(client.Root, "a", IsDirectory: false));

        (await client.RefusalAsync(new GetAttributes(file))).ShouldBe(VolumeError.Stale);
        world.Volume.Free.Count.ShouldBe(free);
        (world.Volume.Commits - commits).ShouldBe(1);
    }

    [Fact]
    public async Task Who_opens_a_file_that_is_going_hears_that_it_is_gone()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        var (file, handle) = await client.CreateAsync("a");
        await client.AskAsync<Done>(new Close(handle));
        using var mayCommit = new ManualResetEventSlim();
        world.Volume.BeforeCommit = () => mayCommit.Wait(TimeSpan.FromSeconds(20));

        var removing = client.AskAsync(new Unlink(client.Root, "a", IsDirectory: false) { Known = file });
        await world.Coordinator.GetStateAsync();
        var opening = other.AskAsync(new Open(file, new HandleId(700), OpenAccess.ReadWrite, Truncate: false));
        await world.Coordinator.GetStateAsync();
        opening.IsCompleted.ShouldBeFalse();
        mayCommit.Set();

        (await removing).ShouldBeOfType<Done>();
        (await opening).ShouldBeOfType<Refused>().Error.ShouldBe(VolumeError.Stale);
    }

    [Fact]
    public async Task Who_opens_a_name_that_is_going_makes_a_new_file()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        var (file, handle) = await client.CreateAsync("a");
        await client.AskAsync<Done>(new Close(handle));
        using var mayLook = new ManualResetEventSlim();
        using var mayCommit = new ManualResetEventSlim();
        world.Volume.BeforeAttributes = () => mayLook.Wait(TimeSpan.FromSeconds(20));
        world.Volume.BeforeCommit = () => mayCommit.Wait(TimeSpan.FromSeconds(20));

        // The name is still there when it is looked for, and the file is going when it would be opened.
        var looking = other.AskAsync(new GetAttributes(file));
        var opening = other.AskAsync(
            new Create(client.Root, "a", new NewInode(FileKind.Regular, 0x1A4, 0, 0), new HandleId(700), OpenExisting: true, Truncate: false),
            slot: 1);
        var removing = client.AskAsync(new Unlink(client.Root, "a", IsDirectory: false) { Known = file });
        await world.Coordinator.GetStateAsync();
        mayLook.Set();
        mayCommit.Set();

        await looking;
        await removing;
        var opened = (await opening).ShouldBeOfType<Entry>().Attributes.File;
        opened.ShouldNotBe(file);
        (await other.AttributesAsync(opened)).LinkCount.ShouldBe(1);
    }

    [Fact]
    public async Task A_name_can_be_opened_or_created_in_one_request()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("a");
        await client.WriteAsync(file, 0, RedirectedData.Pattern(100, 1));

        var opened = await client.AskAsync<Entry>(new Create(
            client.Root, "a", new NewInode(FileKind.Regular, 0x1A4, 0, 0), new HandleId(500), OpenExisting: true, Truncate: true));

        opened.Attributes.File.ShouldBe(file);
        opened.Attributes.Size.Value.ShouldBe(0);
    }
}
