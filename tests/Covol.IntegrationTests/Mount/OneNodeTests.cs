using System.Security.Cryptography;
using Covol.IntegrationTests.Support;
using Covol.Protocol.Control;
using Shouldly;
using Xunit;

namespace Covol.IntegrationTests.Mount;

/// <summary>Ordinary programs on one node's mount of a real volume.</summary>
[Collection(nameof(OneNodeTests))]
public sealed class OneNodeTests
{
    [NeedsFact(Machine.Root, Machine.Fuse, "mkntfs")]
    public async Task Names_behave_as_on_a_local_file_system()
    {
        await using var world = await MountedWorld.CreateAsync();
        Directory.CreateDirectory(world.PathOf("a/b"));
        await File.WriteAllTextAsync(world.PathOf("a/one"), "first");

        await world.RunAsync("mv", world.PathOf("a/one"), world.PathOf("a/b/two"));
        await world.RunAsync("ln", world.PathOf("a/b/two"), world.PathOf("hard"));
        await world.RunAsync("ln", "-s", "a/b/two", world.PathOf("soft"));

        (await File.ReadAllTextAsync(world.PathOf("soft"))).ShouldBe("first");
        (await world.RunAsync("stat", "-c", "%h %s %F", world.PathOf("hard"))).Trim().ShouldBe("2 5 regular file");
        (await world.RunAsync("ls", world.Root)).Split('\n', StringSplitOptions.RemoveEmptyEntries).ShouldBe(["a", "hard", "soft"]);
        File.Delete(world.PathOf("a/b/two"));
        Directory.Delete(world.PathOf("a"), recursive: true);
        (await File.ReadAllTextAsync(world.PathOf("hard"))).ShouldBe("first");
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "mkntfs", "cp", "cmp")]
    public async Task A_copied_file_comes_back_as_it_was()
    {
        await using var world = await MountedWorld.CreateAsync();
        var source = Path.Combine(world.Folder, "source");
        await File.WriteAllBytesAsync(source, RandomNumberGenerator.GetBytes((20 << 20) + 777));

        await world.RunAsync("cp", "-a", source, world.PathOf("copy"));

        await world.RunAsync("cmp", source, world.PathOf("copy"));
        await world.RunAsync("truncate", "-s", "1000001", source, world.PathOf("copy"));
        await world.RunAsync("cmp", source, world.PathOf("copy"));
        await world.RunAsync("truncate", "-s", "3000001", source, world.PathOf("copy"));
        await world.RunAsync("cmp", source, world.PathOf("copy"));
        (await world.RunAsync("stat", "-c", "%s %a %Y", world.PathOf("copy"))).ShouldBe(
            await world.RunAsync("stat", "-c", "%s %a %Y", world.PathOf("copy")));
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "mkntfs", "tar")]
    public async Task A_tree_is_packed_unpacked_and_compared()
    {
        await using var world = await MountedWorld.CreateAsync();
        var source = Directory.CreateDirectory(Path.Combine(world.Folder, "tree")).FullName;
        for (var number = 0; number < 120; number++)
        {
            var folder = Directory.CreateDirectory(Path.Combine(source, $"folder{number % 7}")).FullName;
            await File.WriteAllTextAsync(Path.Combine(folder, $"file{number} é"), new string('x', number * 97));
        }

        var archive = Path.Combine(world.Folder, "tree.tar");
        await world.RunAsync("tar", "-C", world.Folder, "-cf", archive, "tree");
        await world.RunAsync("tar", "-C", world.Root, "-xf", archive);

        await world.RunAsync("diff", "-r", source, world.PathOf("tree"));
        await world.RunAsync("rm", "-r", world.PathOf("tree"));
        Directory.GetFileSystemEntries(world.Root).ShouldBeEmpty();
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "mkntfs", "fio")]
    public async Task Fio_verifies_what_it_wrote_and_most_of_it_went_directly()
    {
        await using var world = await MountedWorld.CreateAsync();
        var file = world.PathOf("disk");
        await world.RunAsync("dd", "if=/dev/zero", $"of={file}", "bs=1M", "count=32", "conv=fsync");

        await world.RunAsync(
            "fio", "--name=verify", $"--filename={file}", "--size=32M", "--rw=randwrite", "--bs=4k", "--iodepth=16", "--ioengine=libaio",
            "--direct=1", "--verify=crc32c", "--do_verify=1", "--verify_fatal=1", "--io_size=16M", "--end_fsync=1");

        var state = world.Mount.Describe();
        state.State.ShouldBe(VolumeRouteState.Direct, state.Reason);
        state.DirectBytes.ShouldBeGreaterThan(16L << 20);
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "mkntfs", "fio")]
    public async Task A_takeover_under_fio_costs_no_byte_and_no_error()
    {
        await using var world = await MountedWorld.CreateAsync();
        var file = world.PathOf("disk");
        await world.RunAsync("dd", "if=/dev/zero", $"of={file}", "bs=1M", "count=16", "conv=fsync");
        var fio = world.RunAsync(
            "fio", "--name=takeover", $"--filename={file}", "--size=16M", "--rw=randrw", "--bs=4k", "--iodepth=8", "--ioengine=libaio",
            "--direct=1", "--verify=crc32c", "--verify_fatal=1", "--io_size=64M", "--rate_iops=2000");

        await world.MoveCoordinatorAsync(inOrder: false);
        await File.WriteAllTextAsync(world.PathOf("after"), "takeover");

        await fio;
        (await File.ReadAllTextAsync(world.PathOf("after"))).ShouldBe("takeover");
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "mkntfs", "dd", "python3")]
    public async Task A_guests_flush_does_not_wait_for_a_coordinator_that_is_gone()
    {
        await using var world = await MountedWorld.CreateAsync();
        var file = world.PathOf("disk");
        await world.RunAsync("dd", "if=/dev/zero", $"of={file}", "bs=1M", "count=4", "conv=fsync");
        var told = Path.Combine(world.Folder, "told");
        var go = Path.Combine(world.Folder, "go");
        var flushed = Path.Combine(world.Folder, "flushed");
        var guest = world.RunAsync("python3", "-c", FlushingGuest, file, told, go, flushed);
        await UntilAsync(() => File.Exists(told) || guest.IsCompleted);

        await world.Served.DisposeAsync();
        await File.WriteAllTextAsync(go, "");
        await UntilAsync(() => File.Exists(flushed) || guest.IsCompleted);
        File.Exists(flushed).ShouldBeTrue();

        // Its close tells the time of its writes, and waits for the next coordinator.
        await world.MoveCoordinatorAsync(inOrder: false);
        await guest;
        world.Mount.Describe().State.ShouldBe(VolumeRouteState.Direct);
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "mkntfs")]
    public async Task An_unlinked_file_lives_until_it_is_closed()
    {
        await using var world = await MountedWorld.CreateAsync();
        await using (var open = new FileStream(
            world.PathOf("gone"), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete))
        {
            open.Write("still here"u8);
            open.Flush();
            File.Delete(world.PathOf("gone"));

            open.Position = 0;
            var text = new byte[10];
            open.ReadExactly(text);
            text.ShouldBe("still here"u8.ToArray());
        }

        File.Exists(world.PathOf("gone")).ShouldBeFalse();
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "mkntfs", "flock", "python3")]
    public async Task Locks_of_one_process_keep_another_out()
    {
        await using var world = await MountedWorld.CreateAsync();
        await File.WriteAllTextAsync(world.PathOf("locked"), "x");

        (await world.RunAsync(
            "flock", world.PathOf("locked"), "sh", "-c", $"flock -n {world.PathOf("locked")} true || echo refused")).Trim().ShouldBe("refused");
        (await world.RunAsync("python3", "-c", OfdProbe, world.PathOf("locked"))).Trim().ShouldBe("refused then granted");
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "mkntfs", "flock")]
    public async Task A_waiting_lock_is_granted_when_the_other_goes()
    {
        await using var world = await MountedWorld.CreateAsync();
        await File.WriteAllTextAsync(world.PathOf("locked"), "x");
        var file = world.PathOf("locked");

        var said = await world.RunAsync(
            "bash", "-c", $"exec 9>{file}; flock 9; (exec 9>&-; flock {file} echo second) & echo first; exec 9>&-; wait");

        said.Split('\n', StringSplitOptions.RemoveEmptyEntries).ShouldBe(["first", "second"]);
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "mkntfs", "dd")]
    public async Task A_misaligned_direct_read_is_an_invalid_argument_as_qemu_wants_it()
    {
        await using var world = await MountedWorld.CreateAsync();
        await world.RunAsync("dd", "if=/dev/zero", $"of={world.PathOf("disk")}", "bs=64k", "count=4");

        var failure = await Should.ThrowAsync<InvalidOperationException>(
            () => world.RunAsync("dd", $"if={world.PathOf("disk")}", "of=/dev/null", "bs=1000", "count=1", "iflag=direct"));

        failure.Message.ShouldContain("Invalid argument");
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "mkntfs")]
    public async Task The_holder_keeps_the_descriptor_as_long_as_the_volume_is_mounted()
    {
        await using var world = await MountedWorld.CreateAsync();

        var kept = world.Holder.Get("Volume1");
        kept.ShouldNotBeNull();
        kept.Value.Descriptor.Dispose();
        kept.Value.Mount.Connection.ShouldBe(world.Mount.Connection);
        kept.Value.Mount.Path.ShouldBe(world.Root);
        kept.Value.Mount.ToNegotiation().CanResend.ShouldBeTrue();
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

    /// <summary>Writes and flushes until its layout is there, says so, and does it once more when it is told to.</summary>
    private const string FlushingGuest = """
        import mmap, os, sys, time
        disk = os.open(sys.argv[1], os.O_RDWR | os.O_DIRECT)
        page = mmap.mmap(-1, 4096)
        for turn in range(20):
            os.pwrite(disk, page, 4096 * turn)
            os.fdatasync(disk)
            time.sleep(0.05)
        open(sys.argv[2], 'w').close()
        while not os.path.exists(sys.argv[3]):
            time.sleep(0.02)
        os.pwrite(disk, page, 65536)
        os.fdatasync(disk)
        open(sys.argv[4], 'w').close()
        """;

    private const string OfdProbe = """
        import fcntl, os, struct, sys
        def lock(fd, kind):
            fcntl.fcntl(fd, 37, struct.pack('hhqqi4x', kind, os.SEEK_SET, 100, 4, 0))
        a, b = os.open(sys.argv[1], os.O_RDWR), os.open(sys.argv[1], os.O_RDWR)
        lock(a, fcntl.F_WRLCK)
        try:
            lock(b, fcntl.F_WRLCK)
            print('granted', end=' ')
        except OSError:
            print('refused', end=' ')
        os.close(a)
        import time
        for attempt in range(200):
            try:
                lock(b, fcntl.F_WRLCK)
                print('then granted')
                break
            except OSError:
                time.sleep(0.05)
        """;
}
