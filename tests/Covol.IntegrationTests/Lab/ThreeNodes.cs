using System.Security.Cryptography;
using Covol.IntegrationTests.Support;
using Shouldly;
using Xunit;

namespace Covol.IntegrationTests.Lab;

/// <summary>One namespace, three nodes: what one does, the others see at once.</summary>
[Collection(LabCollection.Name)]
public sealed class ThreeNodes
{
    private readonly LabFixture _lab;

    public ThreeNodes(LabFixture lab) => _lab = lab;

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs")]
    public async Task What_one_node_writes_another_reads_at_once()
    {
        for (var round = 0; round < 20; round++)
        {
            var content = RandomNumberGenerator.GetBytes(100_000);
            await File.WriteAllBytesAsync($"{_lab.Volume(1 + (round % 3))}/shared", content);

            (await File.ReadAllBytesAsync($"{_lab.Volume(1 + ((round + 1) % 3))}/shared")).ShouldBe(content);
        }
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs")]
    public void Names_made_renamed_and_removed_on_one_node_show_on_another()
    {
        Directory.CreateDirectory($"{_lab.Volume(2)}/folder/below");
        File.WriteAllText($"{_lab.Volume(3)}/folder/below/a", "text");
        File.Move($"{_lab.Volume(1)}/folder/below/a", $"{_lab.Volume(1)}/folder/b");

        File.ReadAllText($"{_lab.Volume(2)}/folder/b").ShouldBe("text");
        Directory.GetFileSystemEntries($"{_lab.Volume(3)}/folder").Select(Path.GetFileName).Order().ShouldBe(["b", "below"]);

        Directory.Delete($"{_lab.Volume(3)}/folder", recursive: true);
        Directory.Exists($"{_lab.Volume(1)}/folder").ShouldBeFalse();
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs")]
    public async Task Two_nodes_append_to_one_file_and_no_line_is_lost()
    {
        const int lines = 100;
        var file = "appended";
        await File.WriteAllTextAsync($"{_lab.Volume(1)}/{file}", string.Empty);

        var writers = Enumerable.Range(1, 3).Select(node => CovolCommand.ProgramAsync(
            "/bin/sh", ["-c", $"for i in $(seq {lines}); do echo node{node} line $i >>{_lab.Volume(node)}/{file} || exit 1; done"]));
        foreach (var (status, _, error) in await Task.WhenAll(writers))
        {
            status.ShouldBe(0, error);
        }

        var found = await File.ReadAllLinesAsync($"{_lab.Volume(2)}/{file}");
        found.Order(StringComparer.Ordinal).ShouldBe(
            Enumerable.Range(1, 3).SelectMany(node => Enumerable.Range(1, lines).Select(i => $"node{node} line {i}"))
                .Order(StringComparer.Ordinal));
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs", "fio")]
    public async Task Every_node_verifies_what_fio_wrote_with_direct_io()
    {
        foreach (var node in (int[])[1, 2])
        {
            var (status, output, error) = await CovolCommand.ProgramAsync(
                "fio",
                [
                    "--name=verify", $"--filename={_lab.Volume(node)}/fio-{node}", "--size=32M", "--rw=randrw", "--bs=4k", "--iodepth=16",
                    "--ioengine=io_uring", "--direct=1", "--verify=crc32c", "--verify_fatal=1", "--do_verify=1",
                ]);
            status.ShouldBe(0, output + error);
            (status, output, error) = await CovolCommand.ProgramAsync(
                "cmp", [$"{_lab.Volume(node)}/fio-{node}", $"{_lab.Volume(3)}/fio-{node}"]);
            status.ShouldBe(0, output + error);
        }
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs", "qemu-img", "qemu-system-x86_64")]
    public async Task Two_QEMUs_on_two_nodes_cannot_open_one_image()
    {
        var (made, _, why) = await CovolCommand.ProgramAsync("qemu-img", ["create", "-f", "raw", $"{_lab.Volume(1)}/locked.img", "16M"]);
        made.ShouldBe(0, why);
        using var holder = new HeldImage($"{_lab.Volume(1)}/locked.img");
        await holder.OpenedAsync();

        var (status, _, error) = await CovolCommand.ProgramAsync("qemu-system-x86_64", HeldImage.Arguments($"{_lab.Volume(2)}/locked.img"));

        status.ShouldBe(1);
        error.ShouldContain("Failed to get \"write\" lock");

        await holder.KillAsync();
        using var successor = new HeldImage($"{_lab.Volume(2)}/locked.img");
        await successor.OpenedAsync();
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs")]
    public void A_file_removed_on_one_node_lives_on_where_it_is_open()
    {
        var content = RandomNumberGenerator.GetBytes(70_000);
        File.WriteAllBytes($"{_lab.Volume(1)}/unlinked", content);
        using var open = File.OpenRead($"{_lab.Volume(2)}/unlinked");

        File.Delete($"{_lab.Volume(3)}/unlinked");

        File.Exists($"{_lab.Volume(2)}/unlinked").ShouldBeFalse();
        var found = new byte[content.Length];
        open.ReadExactly(found);
        found.ShouldBe(content);
    }
}
