using Covol.IntegrationTests.Support;
using Covol.Lun;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Volume;
using Covol.Transport;
using Covol.Transport.Control;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;

namespace Covol.IntegrationTests.Coordinator;

public sealed class VolumeOverSocket
{
    [NeedsFact("mkntfs")]
    public async Task A_formatted_LUN_is_served_handed_over_and_served_again_with_all_that_was_written()
    {
        await using var volume = await HostedVolume.FormatAsync();
        var control = await volume.StartAsync();
        var data = new byte[300_000];
        new Random(1).NextBytes(data);
        FileId file;
        SessionId session;
        var mount = Guid.NewGuid();
        await using (var client = await SocketClient.ConnectAsync(volume, mount, resume: null))
        {
            session = client.Session.Session;
            var created = await client.AskAsync<Entry>(new Create(
                client.Root, "disk.raw", new NewInode(FileKind.Regular, 0x1A4, 10, 20), new HandleId(1), false, false));
            file = created.Attributes.File;
            await client.AskAsync<DataWritten>(new WriteData(file, default, Append: false, ClearSetId: false), data);
            await client.AskAsync<DataWritten>(new WriteData(file, default, Append: true, ClearSetId: false), data.AsMemory(0, 777));
            var layout = (await client.AskAsync<LayoutGranted>(new GetLayout(file, LayoutAccess.ReadWrite))).Layout.ShouldNotBeNull();
            using var lun = FileLun.Open(volume.LunPath, NullLogger.Instance);
            var direct = new byte[4_096];
            lun.Read(layout.Extents[0].LunStart, direct);
            direct.ShouldBe(data[..4_096]);
        }

        await control.DemandAsync(new HandOver(), CancellationToken.None);
        (await volume.ExitAsync()).ShouldBe(0);
        await volume.StartAsync();

        await using var again = await SocketClient.ConnectAsync(volume, mount, session);
        again.Session.InGrace.ShouldBeTrue();
        await again.AskAsync<Done>(new ReclaimHandle(file, new HandleId(1), OpenAccess.ReadWrite, [], null));
        await again.AskAsync<Done>(new ReclaimComplete());
        var read = await again.ReadAsync(file, 0, 400_000);
        read.ShouldBe([.. data, .. data[..777]]);
        var attributes = (await again.AskAsync<Entry>(new Lookup(again.Root, "disk.raw"))).Attributes;
        (attributes.Size.Value, attributes.Owner, attributes.Group, attributes.Mode).ShouldBe((300_777, 10u, 20u, 0x1A4));
    }

    [NeedsFact("mkntfs")]
    public async Task A_fenced_coordinator_answers_nothing_more_and_the_next_one_has_everything_that_was_answered()
    {
        await using var volume = await HostedVolume.FormatAsync();
        await volume.StartAsync();
        var mount = Guid.NewGuid();
        await using var client = await SocketClient.ConnectAsync(volume, mount, resume: null);
        await client.AskAsync<Entry>(new Create(
            client.Root, "answered", new NewInode(FileKind.Regular, 0x1A4, 0, 0), null, false, false));
        var firstExit = volume.ExitAsync();

        await volume.StartAsync();
        var lost = client.AskAsync<Entry>(new Create(
            client.Root, "refused", new NewInode(FileKind.Regular, 0x1A4, 0, 0), null, false, false));
        await Should.ThrowAsync<ConnectionLostException>(lost);

        (await firstExit).ShouldBe(1);
        await using var next = await SocketClient.ConnectAsync(volume, mount, client.Session.Session);
        await next.AskAsync<Done>(new ReclaimComplete());
        await next.AskAsync<Entry>(new Lookup(next.Root, "answered"));
        (await next.AskAsync<Refused>(new Lookup(next.Root, "refused"))).Error.ShouldBe(VolumeError.NotFound);
    }

    [NeedsFact("mkntfs")]
    public async Task A_LUN_that_holds_NTFS_is_not_formatted_unasked()
    {
        await using var volume = await HostedVolume.FormatAsync();

        var refusal = await Should.ThrowAsync<IOException>(Covol.Coordinator.VolumeFormat.RunAsync(
            $"file:{volume.LunPath}", size: null, "Other", overwrite: false, NullLoggerFactory.Instance));

        refusal.Message.ShouldContain("holds an NTFS volume already");
    }
}
