using Covol.IntegrationTests.Support;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Transport.Control;
using Shouldly;

namespace Covol.IntegrationTests.Coordinator;

/// <summary>Small files of a real volume, whose data goes through its journal.</summary>
public sealed class SmallFilesServed
{
    private const int Files = 60;
    private static readonly NewInode s_file = new(FileKind.Regular, 0x1A4, 0, 0);

    [NeedsFact("mkntfs")]
    public async Task What_was_written_is_read_at_once_after_more_was_written_and_by_the_next_coordinator()
    {
        await using var volume = await HostedVolume.FormatAsync();
        await volume.StartAsync();
        var mount = Guid.NewGuid();
        var sizes = new Dictionary<FileId, int>();
        SessionId session;
        await using (var client = await SocketClient.ConnectAsync(volume, mount, resume: null))
        {
            session = client.Session.Session;
            for (var index = 0; index < Files; index++)
            {
                var handle = new HandleId(index + 1);
                var file = (await client.AskAsync<Entry>(new Create(client.Root, $"f{index}", s_file, handle, false, false))).Attributes.File;
                var size = 1 + (index * 1_237);
                await WriteAsync(client, file, 0, size);
                (await client.ReadAsync(file, 0, size)).ShouldBe(Bytes(file, 0, size));
                if (index % 3 == 0)
                {
                    // On to a size that is not small, in pieces that begin anywhere.
                    for (; size < 150_000; size += 31_000)
                    {
                        await WriteAsync(client, file, size, 31_000);
                    }
                }

                if (index % 4 == 1)
                {
                    await WriteAsync(client, file, size / 2, size - (size / 2));
                }

                await client.AskAsync<Done>(new Close(handle));
                sizes.Add(file, size);
                if (index % 5 == 4)
                {
                    await client.AskAsync<Done>(new Unlink(client.Root, $"f{index}", IsDirectory: false));
                    sizes.Remove(file);
                }
            }

            await VerifyAsync(client, sizes);
        }

        await using (var next = await SocketClient.ConnectAsync(await NextAsync(volume), mount, session))
        {
            await VerifyAsync(next, sizes);
        }
    }

    [NeedsFact("mkntfs")]
    public async Task A_volume_is_whole_after_small_files_came_and_went()
    {
        await using var volume = await HostedVolume.FormatAsync();
        var control = await volume.StartAsync();
        await using var client = await SocketClient.ConnectAsync(volume, Guid.NewGuid(), resume: null);
        var free = (await client.AskAsync<VolumeSpace>(new GetSpace())).Free;

        for (var index = 0; index < 300; index++)
        {
            var handle = new HandleId(index + 1);
            var file = (await client.AskAsync<Entry>(new Create(client.Root, $"f{index}", s_file, handle, false, false))).Attributes.File;
            await WriteAsync(client, file, 0, 4_096);
            await client.AskAsync<Done>(new Close(handle));
            await client.AskAsync<Done>(new Unlink(client.Root, $"f{index}", IsDirectory: false));
        }

        (await control.DemandAsync(new CheckVolume(), CancellationToken.None)).Check.ShouldNotBeNull().Findings.ShouldBeEmpty();
        (await client.AskAsync<VolumeSpace>(new GetSpace())).Free.Value.ShouldBeGreaterThan(free.Value - (2 << 20));
    }

    /// <summary>The next coordinator fences the one before, which ends.</summary>
    private static async Task<HostedVolume> NextAsync(HostedVolume volume)
    {
        await volume.StartAsync();
        return volume;
    }

    private static async Task VerifyAsync(SocketClient client, Dictionary<FileId, int> sizes)
    {
        foreach (var (file, size) in sizes)
        {
            (await client.AskAsync<Entry>(new GetAttributes(file))).Attributes.Size.Value.ShouldBe(size);
            (await client.ReadAsync(file, 0, size)).ShouldBe(Bytes(file, 0, size));
        }
    }

    private static async Task WriteAsync(SocketClient client, FileId file, int start, int length) =>
        (await client.AskAsync<DataWritten>(
            new WriteData(file, new FileByteOffset(start), Append: false, ClearSetId: false), Bytes(file, start, length)))
        .Offset.Value.ShouldBe(start);

    private static byte[] Bytes(FileId file, int start, int length) =>
        [.. Enumerable.Range(start, length).Select(at => (byte)((at / 7) + (int)file.Reference.Record))];
}
