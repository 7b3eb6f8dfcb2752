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

        ShowsNoHole($"{home}/compressed/text");
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

    /// <summary>The holes behind what was compressed are no holes of the file: SEEK_DATA and SEEK_HOLE of &lt;unistd.h&gt;.</summary>
    private static void ShowsNoHole(string path)
    {
        using var file = File.OpenHandle(path);
        var (descriptor, size) = ((int)file.DangerousGetHandle(), RandomAccess.GetLength(file));
        for (var at = 0L; at < size; at += 50_000)
        {
            Posix.Libc.Seek(descriptor, at, 3).ShouldBe(at);
            Posix.Libc.Seek(descriptor, at, 4).ShouldBe(size);
        }
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

    [NeedsTheory(Machine.Root, Machine.Fuse, "etcd", "mkntfs", "ntfs-3g", "losetup", "dd")]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_device_with_blocks_of_4096_bytes_is_formatted_served_checked_and_given_back(bool partitioned)
    {
        var name = partitioned ? "LargeParts" : "Large";
        var backing = _lab.NewLun(name, Size);
        string[] more = partitioned ? ["--gpt"] : [];
        var data = new byte[3_000_123];
        new Random(5).NextBytes(data);
        using (var device = LoopDevice.Attach(backing, 4096))
        {
            var uri = $"block:{device.Path}";
            await Shell.RunAsync(_lab.Path, ["volume", "add", name, "--lun", uri, "--format", "--no-fencing", .. more]);
            (await Shell.JsonAsync(_lab.Path, "volume", "list")).EnumerateArray().Select(volume => volume.GetProperty("lun").GetString())
                .ShouldContain(partitioned ? $"{uri}#partition=1048576" : uri);
            var (here, there) = ($"{_lab.OnNode(1, name)}/disk", $"{_lab.OnNode(2, name)}/disk");
            await File.WriteAllBytesAsync(here, data);
            await File.WriteAllBytesAsync(here, data);

            // In parts of blocks, between blocks and over their borders, from both nodes, also past every cache.
            for (var turn = 0; turn < 24; turn++)
            {
                var (path, at, length) = (turn % 2 == 0 ? here : there, (turn * 113_761) + 512, 100 + (turn * 777));
                var piece = data.AsMemory(at, length);
                new Random(turn).NextBytes(piece.Span);
                await using var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
                file.Position = at;
                await file.WriteAsync(piece);
            }

            // As on such a disk itself, programs that ask for direct I/O have to use its blocks: a machine's disk would be slow otherwise.
            new Random(99).NextBytes(data.AsSpan(3 * 4096, 5 * 4096));
            var piece4k = $"{_lab.Scratch}/{name}-piece";
            await File.WriteAllBytesAsync(piece4k, data[(3 * 4096)..(8 * 4096)]);
            Should.Throw<ShouldAssertException>(() => LoopDevice.Run(
                "dd", $"if={piece4k}", $"of={there}", "bs=512", "seek=25", "oflag=direct", "conv=notrunc", "status=none"));
            LoopDevice.Run("dd", $"if={piece4k}", $"of={there}", "bs=4096", "seek=3", "oflag=direct", "conv=notrunc", "status=none");
            foreach (var path in (string[])[here, there])
            {
                (await File.ReadAllBytesAsync(path)).AsSpan().SequenceEqual(data).ShouldBeTrue(path);
            }

            await Shell.RunAsync(_lab.Path, "volume", "move", name, "--to", "node2");
            LoopDevice.Run("dd", $"if={here}", $"of={piece4k}", "bs=4096", "skip=3", "count=5", "iflag=direct", "status=none");
            (await File.ReadAllBytesAsync(piece4k)).ShouldBe(data[(3 * 4096)..(8 * 4096)]);
            (await Shell.RunAsync(_lab.Path, "volume", "check", name)).ShouldStartWith($"{name} is sound: ");
            await Shell.RunAsync(_lab.Path, "volume", "remove", name);

            // What was given back is taken over again, in its partition or without one.
            await Shell.RunAsync(_lab.Path, "volume", "add", name, "--lun", uri, "--no-fencing");
            (await File.ReadAllBytesAsync(there)).AsSpan().SequenceEqual(data).ShouldBeTrue();
            (await Shell.RefusedAsync(_lab.Path, "volume", "add", "Other", "--lun", uri, "--format", "--no-fencing")).ShouldContain("carries");
            await Shell.RunAsync(_lab.Path, "volume", "remove", name);
            (await Shell.RefusedAsync(_lab.Path, "volume", "add", "Other", "--lun", uri, "--format", "--no-fencing"))
                .ShouldContain(partitioned ? "holds a GPT partition table already" : "holds an NTFS volume already");
        }

        using var plain = partitioned ? LoopDevice.Attach(backing, 4096, 1 << 20) : LoopDevice.Attach(backing, 4096);
        WindowsTree.Mounted(plain.Path, _lab.Scratch, root => File.ReadAllBytes($"{root}/disk").AsSpan().SequenceEqual(data)).ShouldBeTrue();
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs")]
    public async Task A_partition_table_is_made_when_it_is_asked_for_and_what_is_there_is_not_lost_by_that()
    {
        var lun = _lab.NewLun("table", Size);
        (await Shell.RefusedAsync(_lab.Path, "volume", "add", "Table", "--lun", $"file:{lun}", "--gpt")).ShouldContain("--gpt goes with --format");
        await Shell.RunAsync(_lab.Path, "volume", "add", "Table", "--lun", $"file:{lun}", "--format", "--gpt");
        await File.WriteAllTextAsync($"{_lab.OnNode(1, "Table")}/file", "content");
        (await File.ReadAllTextAsync($"{_lab.OnNode(2, "Table")}/file")).ShouldBe("content");
        await Shell.RunAsync(_lab.Path, "volume", "remove", "Table");

        (await Shell.RefusedAsync(_lab.Path, "volume", "add", "Table", "--lun", $"file:{lun}", "--format", "--gpt"))
            .ShouldContain("holds a GPT partition table already");
        (await Shell.RefusedAsync(_lab.Path, "volume", "add", "Table", "--lun", $"file:{lun}#partition=1048576", "--format", "--gpt", "--force"))
            .ShouldContain("names a partition");
        await Shell.RunAsync(_lab.Path, "volume", "add", "Table", "--lun", $"file:{lun}");
        (await File.ReadAllTextAsync($"{_lab.OnNode(2, "Table")}/file")).ShouldBe("content");
        await Shell.RunAsync(_lab.Path, "volume", "remove", "Table");
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
