using System.Security.Cryptography;
using Covol.IntegrationTests.Ntfs;
using Covol.IntegrationTests.Support;
using Covol.Lun;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Tests.Lun;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;

namespace Covol.IntegrationTests.CommandLine;

/// <summary>A volume with files on it becomes a cluster's and is given back: the same files before, meanwhile and after.</summary>
[Collection(CommandLabCollection.Name)]
public sealed class AdoptedVolumes
{
    private const long Size = 192L << 20;
    private readonly CommandLab _lab;

    public AdoptedVolumes(CommandLab lab) => _lab = lab;

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs", "ntfs-3g", "setfattr")]
    public async Task Files_of_other_programs_are_there_on_every_node_and_the_same_after_a_release()
    {
        var lun = _lab.NewLun("adopted", Size);
        LoopDevice.Run("mkntfs", "-q", "-Q", "-F", "-L", "windows", lun);
        var before = WindowsTree.Mounted(lun, _lab.Scratch, root =>
        {
            WindowsTree.Make(root);
            return WindowsTree.Describe(root);
        });

        await Shell.RunAsync(_lab.Path, "volume", "add", "Adopted", "--lun", $"file:{lun}");
        await SameOnEveryNodeAsync(before);
        (await Shell.JsonAsync(_lab.Path, "volume", "list")).EnumerateArray().Select(volume => volume.GetProperty("lun").GetString())
            .ShouldContain($"file:{lun}");

        // Renamed, copied over, grown and cut by us: what we do not know of stays with the file.
        var home = _lab.OnNode(2, "Adopted");
        File.Move($"{home}/folder 1/nested/file 6 ünïcode.bin", $"{home}/folder 2/renamed");
        File.WriteAllText($"{home}/hidden.txt", "not hidden from us");
        using (var cut = new FileStream($"{home}/second name", FileMode.Open))
        {
            cut.SetLength(5_000);
        }

        Should.Throw<IOException>(() => File.AppendAllText($"{home}/compressed/text", "more"));
        Should.Throw<IOException>(() => File.WriteAllText($"{home}/compressed/text", "other"));
        File.Delete($"{home}/compressed/tiny");
        await Shell.RunAsync(_lab.Path, "volume", "remove", "Adopted");

        var after = WindowsTree.Mounted(lun, _lab.Scratch, WindowsTree.Describe);
        after.Keys.Except(before.Keys).ShouldBe(["folder 2/renamed"]);
        before.Keys.Except(after.Keys).ShouldBe(["compressed/tiny", "folder 1/nested/file 6 ünïcode.bin"]);
        after["folder 2/renamed"].ShouldBe(before["folder 1/nested/file 6 ünïcode.bin"]);
        string[] changed = ["hidden.txt", "second name", "folder 0/nested/file 5 ünïcode.bin", "compressed", "folder 1/nested", "folder 2"];
        foreach (var name in after.Keys.Intersect(before.Keys).Except(changed))
        {
            after[name].ShouldBe(before[name], name);
        }

        after["hidden.txt"].ShouldContain("27000000");
        after["second name"][after["second name"].IndexOf(":stream", StringComparison.Ordinal)..]
            .ShouldBe(before["second name"][before["second name"].IndexOf(":stream", StringComparison.Ordinal)..]);
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs", "ntfs-3g", "setfattr", "dd")]
    public async Task A_partition_is_served_in_its_place_and_nothing_around_it_changes()
    {
        const long Start = 3 << 20;
        var inside = _lab.NewLun("inside", 128 << 20);
        LoopDevice.Run("mkntfs", "-q", "-Q", "-F", inside);
        var before = WindowsTree.Mounted(inside, _lab.Scratch, root =>
        {
            WindowsTree.Make(root);
            return WindowsTree.Describe(root);
        });
        var lun = _lab.NewLun("parts", Size);
        using (var whole = LunUri.Parse($"file:{lun}").Open(NullLogger.Instance))
        {
            new GptImage(whole, 512).Add(GptImage.BasicData, Start, 128 << 20).Add(GptImage.Linux, Start + (128 << 20), 8 << 20).Write();
            whole.Write(new LunByteOffset(Start + (128 << 20)), Enumerable.Repeat((byte)0x5A, 8 << 20).ToArray());
        }

        LoopDevice.Run("dd", $"if={inside}", $"of={lun}", "bs=1M", "seek=3", "conv=notrunc,sparse", "status=none");
        var around = await AroundAsync(lun, Start);

        await Shell.RunAsync(_lab.Path, "volume", "add", "Adopted", "--lun", $"file:{lun}");
        await SameOnEveryNodeAsync(before);
        (await Shell.JsonAsync(_lab.Path, "volume", "list")).EnumerateArray().Select(volume => volume.GetProperty("lun").GetString())
            .ShouldContain($"file:{lun}#partition={Start}");
        (await Shell.RefusedAsync(_lab.Path, "volume", "add", "Other", "--lun", $"file:{lun}")).ShouldContain("carries Adopted already");
        var data = RandomNumberGenerator.GetBytes(20 << 20);
        await File.WriteAllBytesAsync($"{_lab.OnNode(1, "Adopted")}/new", data);
        await File.WriteAllBytesAsync($"{_lab.OnNode(1, "Adopted")}/new", data);
        (await File.ReadAllBytesAsync($"{_lab.OnNode(2, "Adopted")}/new")).ShouldBe(data);
        await Shell.RunAsync(_lab.Path, "volume", "move", "Adopted", "--to", "node2");
        File.Delete($"{_lab.OnNode(1, "Adopted")}/new");
        await Shell.RunAsync(_lab.Path, "volume", "remove", "Adopted");

        (await AroundAsync(lun, Start)).ShouldBe(around);
        File.Delete(inside);
        LoopDevice.Run("dd", $"if={lun}", $"of={inside}", "bs=1M", "skip=3", "count=128", "conv=sparse", "status=none");
        WindowsTree.Mounted(inside, _lab.Scratch, WindowsTree.Describe).ToList().ShouldBe(before.ToList());
    }

    /// <summary>The bytes before and behind the partition.</summary>
    private static async Task<string> AroundAsync(string lun, long start)
    {
        var bytes = await File.ReadAllBytesAsync(lun);
        return Convert.ToHexString(SHA256.HashData(bytes.AsSpan(0, (int)start)))
            + Convert.ToHexString(SHA256.HashData(bytes.AsSpan((int)start + (128 << 20))));
    }

    private async Task SameOnEveryNodeAsync(SortedDictionary<string, string> before)
    {
        foreach (var node in (int[])[1, 2])
        {
            var home = _lab.OnNode(node, "Adopted");
            Directory.EnumerateFileSystemEntries(home, "*", SearchOption.AllDirectories).Select(path => path[(home.Length + 1)..])
                .Order(StringComparer.Ordinal).ShouldBe(before.Keys.ToList());
            foreach (var (name, line) in before.Where(entry => File.Exists($"{home}/{entry.Key}") && entry.Key != "symbolic"))
            {
                line.ShouldContain(Convert.ToHexString(SHA256.HashData(await File.ReadAllBytesAsync($"{home}/{name}"))), customMessage: name);
            }

            new FileInfo($"{home}/symbolic").LinkTarget.ShouldBe("folder 9/none");
        }
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs")]
    public async Task A_remove_that_fails_half_way_leaves_the_volume_as_it_was()
    {
        var lun = _lab.NewLun("kept", Size);
        await Shell.RunAsync(_lab.Path, "volume", "add", "Kept", "--lun", $"file:{lun}", "--format");
        await File.WriteAllTextAsync($"{_lab.OnNode(1, "Kept")}/file", "content");
        using (var other = LunUri.Parse($"file:{lun}").Open(NullLogger.Instance))
        {
            // Somebody else uses the LUN: its release is refused after every node has let go of it.
            other.Register(new ReservationKey(0x4f54_4845_5200_0001));

            (await Shell.RefusedAsync(_lab.Path, "volume", "remove", "Kept")).ShouldContain("is in use by a node");

            (await _lab.VolumesAsync()).ShouldContain("Kept");
            foreach (var node in (int[])[1, 2])
            {
                await Shell.UntilAsync(async () =>
                {
                    var file = $"{_lab.OnNode(node, "Kept")}/file";
                    return File.Exists(file) && await File.ReadAllTextAsync(file) == "content" ? null : $"node{node} has not got it back";
                });
                await File.WriteAllTextAsync($"{_lab.OnNode(node, "Kept")}/of node{node}", "new");
            }

            other.Unregister();
        }

        await Shell.RunAsync(_lab.Path, "volume", "remove", "Kept");
        (await _lab.VolumesAsync()).ShouldNotContain("Kept");
        await Shell.RunAsync(_lab.Path, "volume", "add", "Again", "--lun", $"file:{lun}");
        Directory.GetFiles(_lab.OnNode(2, "Again")).Select(Path.GetFileName).ShouldBe(["file", "of node1", "of node2"], ignoreOrder: true);
        await Shell.RunAsync(_lab.Path, "volume", "remove", "Again");
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs", "losetup")]
    public async Task A_block_device_is_refused_without_fencing_and_served_when_that_is_said()
    {
        using var device = LoopDevice.Attach(_lab.NewLun("device", Size));
        var uri = $"block:{device.Path}";
        (await Shell.RefusedAsync(_lab.Path, "volume", "add", "Device", "--lun", uri, "--format")).ShouldContain("add --no-fencing");
        (await Shell.RefusedAsync(_lab.Path, "volume", "add", "Device", "--lun", $"file:{device.Path}", "--format", "--no-fencing"))
            .ShouldContain("--no-fencing goes with a block: LUN only");

        await Shell.RunAsync(_lab.Path, "volume", "add", "Device", "--lun", uri, "--format", "--no-fencing");
        var volume = (await Shell.JsonAsync(_lab.Path, "volume", "list")).EnumerateArray()
            .First(candidate => candidate.GetProperty("volume").GetString() == "Device");
        volume.GetProperty("fencing").GetBoolean().ShouldBeFalse();
        volume.GetProperty("reason").GetString().ShouldNotBeNull().ShouldContain("fencing is off");
        var data = new byte[5_000_000];
        new Random(3).NextBytes(data);
        await File.WriteAllBytesAsync($"{_lab.OnNode(1, "Device")}/disk", data);
        (await File.ReadAllBytesAsync($"{_lab.OnNode(2, "Device")}/disk")).ShouldBe(data);
        await Shell.RunAsync(_lab.Path, "volume", "move", "Device", "--to", "node2");
        (await File.ReadAllBytesAsync($"{_lab.OnNode(1, "Device")}/disk")).ShouldBe(data);
        await Shell.RunAsync(_lab.Path, "volume", "remove", "Device");
    }
}
