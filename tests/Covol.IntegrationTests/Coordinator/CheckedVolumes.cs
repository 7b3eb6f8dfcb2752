using System.Diagnostics;
using Covol.Coordinator;
using Covol.IntegrationTests.Support;
using Covol.Protocol.Files;
using Covol.Protocol.Volume;
using Covol.Transport.Control;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;

namespace Covol.IntegrationTests.Coordinator;

/// <summary>Checks of a real coordinator's volume, while it works and afterwards.</summary>
public sealed class CheckedVolumes
{
    private const int ChecksWanted = 8;
    private static readonly NewInode s_file = new(FileKind.Regular, 0x1A4, 0, 0);

    [NeedsFact("mkntfs")]
    public async Task A_volume_is_checked_again_and_again_while_files_come_and_go()
    {
        await using var volume = await HostedVolume.FormatAsync();
        var control = await volume.StartAsync();
        await using var client = await SocketClient.ConnectAsync(volume, Guid.NewGuid(), resume: null);
        var isDone = new TaskCompletionSource();
        var work = WorkAsync(client, isDone.Task);

        for (var check = 0; check < ChecksWanted; check++)
        {
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            var result = (await control.DemandAsync(new CheckVolume(), deadline.Token)).Check.ShouldNotBeNull();

            result.Findings.ShouldBeEmpty();
            result.Files.ShouldBeGreaterThan(0);
            result.BytesRead.ShouldBeGreaterThan(0);
        }

        isDone.SetResult();
        (await work).ShouldBeGreaterThan(0);
    }

    [NeedsFact("mkntfs")]
    public async Task A_LUN_in_use_is_not_checked_offline_unless_forced_and_afterwards_it_is()
    {
        await using var volume = await HostedVolume.FormatAsync();
        var control = await volume.StartAsync();
        var uri = $"file:{volume.LunPath}";

        (await Should.ThrowAsync<IOException>(VolumeCheck.RunAsync(uri, force: false, NullLoggerFactory.Instance)))
            .Message.ShouldContain("is in use by a node");
        (await VolumeCheck.RunAsync(uri, force: true, NullLoggerFactory.Instance)).Findings.ShouldBeEmpty();
        await control.DemandAsync(new HandOver(), CancellationToken.None);
        (await volume.ExitAsync()).ShouldBe(0);
        (await VolumeCheck.RunAsync(uri, force: false, NullLoggerFactory.Instance)).Findings.ShouldBeEmpty();

        Damage(volume.LunPath);
        var found = await VolumeCheck.RunAsync(uri, force: false, NullLoggerFactory.Instance);
        found.Findings.Select(finding => finding.Code).ShouldContain("boot-copy-differs");
    }

    /// <summary>Another byte in the backup boot sector, which lies behind the sectors that the boot sector counts.</summary>
    private static void Damage(string path)
    {
        using var file = new FileStream(path, FileMode.Open);
        var boot = new byte[512];
        file.ReadExactly(boot);
        file.Position = (BitConverter.ToInt64(boot, 40) * 512) + 100;
        file.WriteByte(0xEE);
    }

    /// <summary>Makes, fills, and removes files until told to stop; answers how many.</summary>
    private static async Task<int> WorkAsync(SocketClient client, Task isDone)
    {
        var made = 0;
        var limit = Stopwatch.StartNew();
        while (!isDone.IsCompleted && limit.Elapsed < TimeSpan.FromMinutes(2))
        {
            var folder = (await client.AskAsync<Entry>(new Create(
                client.Root, $"folder{made}", s_file with { Kind = FileKind.Directory }, null, false, false))).Attributes.File;
            for (var index = 0; index < 10; index++)
            {
                var file = (await client.AskAsync<Entry>(new Create(folder, $"file{index}", s_file, null, false, false))).Attributes.File;
                await client.AskAsync<DataWritten>(new WriteData(file, default, Append: false, ClearSetId: false), new byte[20_000]);
            }

            for (var index = 0; index < 10; index += 2)
            {
                await client.AskAsync<Done>(new Unlink(folder, $"file{index}", false));
            }

            made++;
        }

        return made;
    }
}
