using System.Security.Cryptography;
using Covol.Fuse;
using Covol.IntegrationTests.Support;
using Shouldly;

namespace Covol.IntegrationTests.Fuse;

/// <summary>The server under the real kernel and real programs.</summary>
public sealed class RealMount
{
    [NeedsFact(Machine.Root, Machine.Fuse, "dd", "cmp")]
    public async Task Dd_writes_directly_and_reads_back_what_is_on_the_lun()
    {
        await using var mount = TestMount.Create();
        var source = await SourceAsync(mount, 16 << 20);

        await RealProgram.RunAsync("dd", $"if={source}", $"of={mount.Big}", "bs=1M", "oflag=direct", "conv=notrunc,fsync");
        await RealProgram.RunAsync("cmp", "-n", $"{16 << 20}", source, mount.Lun);
        await RealProgram.RunAsync("dd", $"if={mount.Big}", "of=/dev/null", "bs=64k", "iflag=direct");

        (await HashAsync(mount.Big, 16 << 20)).ShouldBe(await HashAsync(source, 16 << 20));
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "cp", "cmp")]
    public async Task Cp_goes_through_without_direct_io()
    {
        await using var mount = TestMount.Create();
        var source = await SourceAsync(mount, 8 << 20);

        await RealProgram.RunAsync("cp", source, mount.Big);

        await RealProgram.RunAsync("cmp", "-n", $"{8 << 20}", source, mount.Big);
        (await HashAsync(mount.Lun, 8 << 20)).ShouldBe(await HashAsync(source, 8 << 20));
    }

    [NeedsFact(Machine.Root, Machine.Fuse)]
    public async Task A_read_at_a_crooked_place_gets_the_right_bytes()
    {
        await using var mount = TestMount.Create();
        var source = await SourceAsync(mount, 1 << 20);
        await RealProgram.RunAsync("cp", source, mount.Big);
        var read = new byte[100_001];

        using var file = File.OpenHandle(mount.Big);
        var length = RandomAccess.Read(file, read, 4_097);

        length.ShouldBe(read.Length);
        var expected = await File.ReadAllBytesAsync(source);
        read.AsSpan().SequenceEqual(expected.AsSpan(4_097, read.Length)).ShouldBeTrue();
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "fio")]
    public Task Fio_verifies_what_it_wrote() => VerifyAsync(partLength: 0, blockSize: "4k");

    [NeedsFact(Machine.Root, Machine.Fuse, "fio")]
    public Task Fio_verifies_what_went_in_many_parts() => VerifyAsync(partLength: 4096, blockSize: "256k");

    [NeedsFact(Machine.Root, Machine.Fuse, "ls")]
    public async Task Ls_sees_five_thousand_names_once_each()
    {
        await using var mount = TestMount.Create();

        var names = (await RealProgram.RunAsync("ls", "-f", "-1", Path.Combine(mount.Session.Path, "many")))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries);

        names.Length.ShouldBe(TestFileSystem.ManyNames);
        names.Distinct().Count().ShouldBe(TestFileSystem.ManyNames);
    }

    [NeedsFact(Machine.Root, Machine.Fuse)]
    public async Task A_symbolic_link_leads_to_its_target()
    {
        await using var mount = TestMount.Create();

        var target = new FileInfo(Path.Combine(mount.Session.Path, "link")).ResolveLinkTarget(returnFinalTarget: true);

        target.ShouldNotBeNull().FullName.ShouldBe(mount.Big);
    }

    [NeedsFact(Machine.Root, Machine.Fuse)]
    public async Task A_lock_of_an_open_file_reaches_the_handler_and_ends_at_release()
    {
        await using var mount = TestMount.Create();
        var file = Native.Open(mount.Big, Native.ReadWrite | Native.CloseOnExec, 0);
        var wanted = new Native.FileLock { Kind = Native.ExclusiveLock, Start = 100, Length = 4 };

        Native.Control(file, Native.SetLockOfOpenFile, ref wanted).ShouldBe(0);
        file.Dispose();

        await Eventually.TrueAsync(() => mount.FileSystem.Events.Any(what => what.StartsWith("release", StringComparison.Ordinal)));
        var handle = mount.FileSystem.Events.First(what => what.StartsWith("lock", StringComparison.Ordinal)).Split(' ')[^1];
        mount.FileSystem.Events.ShouldContain($"lock 1 100-103 of {handle}");
        mount.FileSystem.Events.ShouldContain($"release {handle}");
    }

    [NeedsFact(Machine.Root, Machine.Fuse)]
    public async Task Unmounting_ends_the_server_and_leaves_no_mount()
    {
        await using var mount = TestMount.Create();
        File.Exists(mount.Big).ShouldBeTrue();

        var gone = await FuseSession.UnmountAsync(mount.Session.Path, TimeProvider.System, CancellationToken.None);
        var end = await mount.Server.Completion.WaitAsync(TimeSpan.FromSeconds(10));

        gone.ShouldBeTrue();
        end.ShouldBe(FuseServerEnd.Unmounted);
        mount.FileSystem.Events.ShouldContain("disconnected");
        (await File.ReadAllTextAsync("/proc/self/mountinfo")).ShouldNotContain(mount.Session.Path);
    }

    [NeedsFact(Machine.Root, Machine.Fuse)]
    public async Task An_abort_ends_the_server()
    {
        await using var mount = TestMount.Create();
        File.Exists(mount.Big).ShouldBeTrue();

        FuseConnection.Abort(mount.Session.Connection);

        (await mount.Server.Completion.WaitAsync(TimeSpan.FromSeconds(10))).ShouldBe(FuseServerEnd.Aborted);
    }

    [NeedsFact(Machine.Root, Machine.Fuse)]
    public async Task The_kernel_grants_what_the_data_path_needs()
    {
        await using var mount = TestMount.Create();

        var negotiated = await mount.FileSystem.Negotiation.WaitAsync(TimeSpan.FromSeconds(10));

        negotiated.WriteMax.ShouldBe(1 << 20);
        negotiated.Minor.ShouldBeGreaterThanOrEqualTo(38);
        negotiated.Flags.ShouldBe(negotiated.Flags | 0x402 | 0x8000);
    }

    private static async Task VerifyAsync(int partLength, string blockSize)
    {
        await using var mount = TestMount.Create(partLength);

        var said = await RealProgram.RunAsync(
            "fio", "--name=verify", $"--filename={mount.Big}", "--size=32m", $"--bs={blockSize}", "--rw=randrw", "--direct=1",
            "--ioengine=libaio", "--iodepth=16", "--verify=crc32c", "--verify_fatal=1", "--do_verify=1", "--norandommap=0",
            "--allow_file_create=0", "--fallocate=none");

        said.ShouldContain("err= 0");
    }

    private static async Task<string> SourceAsync(TestMount mount, int length)
    {
        var path = Path.Combine(Path.GetDirectoryName(mount.Lun)!, "source");
        var bytes = new byte[length];
        new Random(20_611).NextBytes(bytes);
        await File.WriteAllBytesAsync(path, bytes);
        return path;
    }

    private static async Task<string> HashAsync(string path, int length)
    {
        var bytes = new byte[length];
        await using var file = File.OpenRead(path);
        await file.ReadExactlyAsync(bytes);
        return Convert.ToHexString(SHA256.HashData(bytes));
    }
}
