using Covol.IntegrationTests.Support;
using Covol.Protocol.Control;
using Shouldly;
using Xunit;

namespace Covol.IntegrationTests.Mount;

/// <summary>A mount's key on a real LUN file: what is left of it after a failed attach, and what follows a fenced one.</summary>
[Collection(nameof(OneNodeTests))]
public sealed class IncarnationTests
{
    [NeedsFact(Machine.Root, Machine.Fuse, "mkntfs")]
    public async Task An_attach_whose_folder_cannot_be_made_leaves_no_key_and_no_mount()
    {
        await using var world = await MountedWorld.CreateUnmountedAsync();
        var before = world.Keys();
        Directory.CreateDirectory(world.NamespaceRoot);
        var inTheWay = Path.Combine(world.NamespaceRoot, "Volume1");
        await File.WriteAllTextAsync(inTheWay, "in the way");

        await Should.ThrowAsync<IOException>(() => world.AttachAsync());

        world.Keys().ShouldBe(before);
        (await world.Served.StateAsync()).Sessions.ShouldBe(0);
        (await File.ReadAllTextAsync(inTheWay)).ShouldBe("in the way");
    }

    /// <summary>The kernel's greeting may just have been answered; then there is a mount to take away.</summary>
    [NeedsFact(Machine.Root, Machine.Fuse, "mkntfs")]
    public async Task An_attach_that_is_given_up_while_the_kernel_greets_leaves_no_key_and_no_mount()
    {
        await using var world = await MountedWorld.CreateUnmountedAsync();
        var before = world.Keys();
        Directory.CreateDirectory(world.NamespaceRoot);
        try
        {
            var mount = await world.AttachAsync(new CancellationToken(canceled: true));
            await mount.DetachAsync(force: true, CancellationToken.None);
        }
        catch (OperationCanceledException)
        {
            // What this test is about.
        }

        world.Keys().ShouldBe(before);
        (await world.Served.StateAsync()).Sessions.ShouldBe(0);
        (await File.ReadAllTextAsync("/proc/self/mountinfo")).ShouldNotContain(world.NamespaceRoot);
        Directory.GetFileSystemEntries(world.NamespaceRoot).ShouldBeEmpty();
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "mkntfs", "dd")]
    public async Task A_fenced_node_goes_direct_again_by_itself_under_a_new_key()
    {
        await using var world = await MountedWorld.CreateAsync();
        var file = world.PathOf("disk");
        await world.RunAsync("dd", "if=/dev/zero", $"of={file}", "bs=1M", "count=4", "conv=fsync");
        await using var open = new FileStream(file, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        await UntilAsync(() => world.Mount.Describe().Layouts > 0);
        var fenced = world.LastKey;

        world.Fence(fenced);
        await world.RunAsync("dd", "if=/dev/urandom", $"of={file}", "bs=64k", "count=4", "conv=notrunc,fsync");
        world.Mount.Describe().State.ShouldBe(VolumeRouteState.FileSystemRedirected);
        await UntilAsync(() => world.Mount.Describe().WantsKey);
        world.Mount.Offer(fenced);
        world.Mount.Describe().WantsKey.ShouldBeTrue();
        world.Mount.Offer(world.NewKey());
        await UntilAsync(() => world.Mount.Describe().State == VolumeRouteState.Direct);

        world.Keys().ShouldContain(world.LastKey);
        world.Keys().ShouldNotContain(fenced);
        var direct = world.Mount.Describe().DirectBytes;
        await UntilAsync(() =>
        {
            open.Position = 0;
            open.ReadExactly(new byte[65_536]);
            return world.Mount.Describe().DirectBytes > direct;
        });
        world.Mount.Describe().WantsKey.ShouldBeFalse();
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(MountedWorld.Deadline);
        while (!condition())
        {
            limit.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }
}
