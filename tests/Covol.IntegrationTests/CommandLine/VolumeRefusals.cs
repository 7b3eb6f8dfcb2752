using System.Security.Cryptography;
using Covol.IntegrationTests.Lab;
using Covol.IntegrationTests.Support;
using Shouldly;
using Xunit;

namespace Covol.IntegrationTests.CommandLine;

/// <summary>Volumes that cannot be added, removed or filled further: each gets its sentence, and nothing is half done.</summary>
[Collection(CommandLabCollection.Name)]
public sealed class VolumeRefusals
{
    private const long Size = 64L << 20;
    private readonly CommandLab _lab;

    public VolumeRefusals(CommandLab lab) => _lab = lab;

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs")]
    public async Task A_LUN_that_is_none_is_refused()
    {
        var small = _lab.NewLun("small", 1 << 20);
        foreach (var (lun, says) in ((string, string)[])
        [
            ($"file:{_lab.Scratch}/none", "does not exist. Make it first"),
            ($"file:{_lab.Scratch}", "is a folder"),
            ($"file:{small}", "is too small for a volume"),
            ("file:relative", "does not name a file by its absolute path"),
            ("nonsense", "is not a LUN URI"),
            ("iscsi:target", "cannot open yet"),
            ($"file:{_lab.Path}/lun1.img", "carries Volume1 already"),
        ])
        {
            (await Shell.RefusedAsync(_lab.Path, "volume", "add", "V", "--lun", lun, "--format")).ShouldContain(says);
            await OnlyVolume1Async();
        }

        (await Shell.RefusedAsync(_lab.Path, "volume", "add", "Volume1", "--lun", "file:/x", "--format"))
            .ShouldContain("There is a volume Volume1 already");
        (await Shell.RefusedAsync(_lab.Path, "volume", "add", "1/2", "--lun", "file:/x", "--format")).ShouldContain("is not a volume name");
        (await Shell.RefusedAsync(_lab.Path, "volume", "move", "None", "--to", "node1")).ShouldContain("There is no volume None");
        (await Shell.RefusedAsync(_lab.Path, "volume", "remove", "None")).ShouldContain("There is no volume None");
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs", "mkfs.ext4", "mkntfs")]
    public async Task A_LUN_with_something_on_it_keeps_it_unless_forced()
    {
        var zeroes = _lab.NewLun("zeroes", Size);
        var noise = _lab.NewLun("noise", Size);
        await File.WriteAllBytesAsync(noise, RandomNumberGenerator.GetBytes((int)Size));
        var ext4 = _lab.NewLun("ext4", Size);
        await ToolAsync("mkfs.ext4", "-q", "-F", ext4);
        var ntfs = _lab.NewLun("ntfs", Size);
        await ToolAsync("mkntfs", "-q", "-Q", "-F", ntfs);
        foreach (var (lun, without, with) in ((string, string?, string?)[])
        [
            (zeroes, "holds no NTFS volume: add --format", null),
            (noise, "holds no NTFS volume: add --format", null),
            (ext4, "holds an ext2, ext3 or ext4 file system, not an NTFS volume", "holds an ext2, ext3 or ext4 file system already"),
            (ntfs, null, "holds an NTFS volume already. Nothing was changed."),
        ])
        {
            var before = await HashAsync(lun);

            if (without is not null)
            {
                (await Shell.RefusedAsync(_lab.Path, "volume", "add", "V", "--lun", $"file:{lun}")).ShouldContain(without);
            }

            if (with is not null)
            {
                (await Shell.RefusedAsync(_lab.Path, "volume", "add", "V", "--lun", $"file:{lun}", "--format")).ShouldContain(with);
            }

            (await HashAsync(lun)).ShouldBe(before);
            await OnlyVolume1Async();
        }

        (await Shell.RefusedAsync(_lab.Path, "volume", "add", "V", "--lun", $"file:{zeroes}", "--force"))
            .ShouldContain("--force goes with --format");

        // The reasons are gone: one that is empty, one whose owner said so.
        await Shell.RunAsync(_lab.Path, "volume", "add", "V", "--lun", $"file:{zeroes}", "--format");
        await Shell.RunAsync(_lab.Path, "volume", "remove", "V");
        await Shell.RunAsync(_lab.Path, "volume", "add", "V", "--lun", $"file:{ntfs}", "--format", "--force");
        Directory.Exists(_lab.OnNode(2, "V")).ShouldBeTrue();
        await Shell.RunAsync(_lab.Path, "volume", "remove", "V");
        await OnlyVolume1Async();
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs")]
    public async Task A_volume_in_use_is_not_removed_anywhere_and_says_by_whom()
    {
        var lun = _lab.NewLun("used", Size);
        await Shell.RunAsync(_lab.Path, "volume", "add", "Used", "--lun", $"file:{lun}", "--format");
        Directory.CreateDirectory($"{_lab.OnNode(1, "Used")}/folder");
        await using (var open = new FileStream($"{_lab.OnNode(2, "Used")}/folder/report", FileMode.CreateNew))
        {
            var sentence = await Shell.RefusedAsync(_lab.Path, "volume", "remove", "Used");

            sentence.ShouldStartWith("Used is in use: node2: folder/report (");
            sentence.ShouldContain($"process {Environment.ProcessId})");
            sentence.ShouldEndWith("Stop the machines and close the files, or add --force.");
            foreach (var node in (int[])[1, 2])
            {
                File.Exists($"{_lab.OnNode(node, "Used")}/folder/report").ShouldBeTrue();
            }

            var another = $"file:{_lab.Scratch}/../{Path.GetFileName(_lab.Scratch)}/used";
            (await Shell.RefusedAsync(_lab.Path, "volume", "add", "Twice", "--lun", another, "--format")).ShouldContain("is in use by a node");
        }

        await Shell.RunAsync(_lab.Path, "volume", "remove", "Used");
        Directory.Exists(_lab.OnNode(1, "Used")).ShouldBeFalse();
        await OnlyVolume1Async();
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs", "qemu-img")]
    public async Task A_full_volume_says_so_keeps_what_it_has_and_takes_more_after_a_delete()
    {
        await Shell.RunAsync(_lab.Path, "volume", "add", "Full", "--lun", $"file:{_lab.NewLun("full", Size)}", "--format");
        var kept = RandomNumberGenerator.GetBytes(1 << 20);
        await File.WriteAllBytesAsync($"{_lab.OnNode(1, "Full")}/kept", kept);
        var (status, _, error) = await CovolCommand.ProgramAsync(
            "dd", ["if=/dev/zero", $"of={_lab.OnNode(2, "Full")}/filler", "bs=1M", "count=100", "conv=fsync"]);
        status.ShouldBe(1);
        error.ShouldContain("No space left on device");

        var disk = $"{_lab.OnNode(1, "Full")}/disk.vhd";
        (await Shell.RefusedAsync(_lab.Path, "disk", "create", disk, "--size", "32M")).ShouldContain("No space left on device");
        File.Exists(disk).ShouldBeFalse();
        (await File.ReadAllBytesAsync($"{_lab.OnNode(2, "Full")}/kept")).ShouldBe(kept);
        (await Shell.RunAsync(_lab.Path, "volume", "state")).ShouldNotContain("Paused");

        File.Delete($"{_lab.OnNode(1, "Full")}/filler");
        await Shell.RunAsync(_lab.Path, "disk", "create", disk, "--size", "32M");
        await Shell.RunAsync(_lab.Path, "volume", "remove", "Full");
    }

    private async Task OnlyVolume1Async()
    {
        (await _lab.VolumesAsync()).ShouldBe(["Volume1"]);
        foreach (var node in (int[])[1, 2])
        {
            Directory.GetFileSystemEntries($"{_lab.Path}/node{node}/ClusterStorage").Select(Path.GetFileName).ShouldBe(["Volume1"]);
        }

        _lab.Processes(1).Concat(_lab.Processes(2)).Count(words => words.Contains("coordinator-", StringComparison.Ordinal)
            && !words.Contains("coordinator-Volume1", StringComparison.Ordinal)).ShouldBe(0);
    }

    private static async Task<string> HashAsync(string file)
    {
        await using var stream = File.OpenRead(file);
        return Convert.ToHexString(await SHA256.HashDataAsync(stream));
    }

    private static async Task ToolAsync(string program, params string[] arguments)
    {
        var (status, output, error) = await CovolCommand.ProgramAsync(program, arguments);
        status.ShouldBe(0, output + error);
    }
}
