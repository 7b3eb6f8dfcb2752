using Covol.Fuse;
using Covol.IntegrationTests.Support;
using Shouldly;

namespace Covol.IntegrationTests.Fuse;

/// <summary>A mount outlives its server.</summary>
public sealed class Successors
{
    [NeedsFact(Machine.Root, Machine.Fuse, "fio")]
    public async Task Fio_does_not_notice_that_servers_follow_each_other()
    {
        await using var mount = TestMount.Create();
        var negotiated = await mount.FileSystem.Negotiation.WaitAsync(TimeSpan.FromSeconds(10));

        var fio = RealProgram.RunAsync(
            "fio", "--name=verify", $"--filename={mount.Big}", "--size=32m", "--bs=4k", "--rw=randrw", "--direct=1",
            "--ioengine=libaio", "--iodepth=16", "--verify=crc32c", "--verify_fatal=1", "--do_verify=1", "--norandommap=0",
            "--allow_file_create=0", "--fallocate=none", "--loops=2");
        for (var successor = 0; successor < 5; successor++)
        {
            var answered = mount.FileSystem.Answered;
            await Eventually.TrueAsync(() => mount.FileSystem.Answered > answered + 200 || fio.IsCompleted);
            mount.Server.Stop();
            (await mount.Server.Completion.WaitAsync(TimeSpan.FromSeconds(10))).ShouldBe(FuseServerEnd.Stopped);
            mount.ServeAgain(negotiated);
        }

        (await fio).ShouldContain("err= 0");
    }

    [NeedsFact(Machine.Root, Machine.Fuse)]
    public async Task What_a_server_took_and_lost_comes_again_to_its_successor()
    {
        await using var mount = TestMount.Create(losesRequests: true);
        var negotiated = await mount.FileSystem.Negotiation.WaitAsync(TimeSpan.FromSeconds(10));
        negotiated.CanResend.ShouldBeTrue();
        var loser = mount.FileSystem;
        var stopped = mount.Server;
        var reader = Task.Run(() => ReadPage(mount.Big));
        await Eventually.TrueAsync(() => !loser.Lost.IsEmpty);
        stopped.Stop();

        mount.ServeAgain(negotiated);

        (await reader.WaitAsync(TimeSpan.FromSeconds(20))).ShouldBe(4096);
        mount.FileSystem.Resent.ShouldBe([FuseOpcode.Read]);
        loser.Lost.ShouldHaveSingleItem().ReplyError(FuseErrno.InputOutput);
        (await stopped.Completion.WaitAsync(TimeSpan.FromSeconds(10))).ShouldBe(FuseServerEnd.Stopped);
    }

    private static int ReadPage(string path)
    {
        using var file = File.OpenHandle(path);
        return RandomAccess.Read(file, new byte[4096], 8192);
    }
}
