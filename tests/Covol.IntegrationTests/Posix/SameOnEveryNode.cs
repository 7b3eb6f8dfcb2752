using Covol.IntegrationTests.Support;
using Shouldly;
using Xunit;

namespace Covol.IntegrationTests.Posix;

/// <summary>Names and attributes are kept by each node's kernel, and yet the same on all of them at every moment.</summary>
[Collection(nameof(PosixTests))]
public sealed class SameOnEveryNode(PosixTests.World world)
{
    private const int Changes = 400;
    private const int Files = 4;

    [NeedsTheory(Machine.Root, Machine.Fuse, "mkntfs")]
    [InlineData(1)]
    [InlineData(2)]
    public async Task What_one_node_changes_the_other_sees_at_once_though_it_has_just_looked(int seed)
    {
        var nodes = await world.NodesAsync();
        var random = new Random(seed);
        var folder = $"same-{seed}-{Guid.NewGuid():N}";
        Directory.CreateDirectory(Path.Combine(nodes.Roots[0], folder));
        for (var change = 0; change < Changes; change++)
        {
            var changing = random.Next(2);
            var here = Path.Combine(nodes.Roots[changing], folder, $"{random.Next(Files)}");
            var there = Path.Combine(nodes.Roots[1 - changing], folder, Path.GetFileName(here));

            // What was looked at is kept.
            Look(there).ShouldBe(Look(here));
            Look(there).ShouldBe(Look(here));
            var what = Change(random, here);

            Look(there).ShouldBe(Look(here), $"after change {change}, {what}");
        }

        Directory.Delete(Path.Combine(nodes.Roots[1], folder), recursive: true);
        Directory.Exists(Path.Combine(nodes.Roots[0], folder)).ShouldBeFalse();
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "mkntfs")]
    public async Task A_name_that_another_node_takes_away_is_gone_also_where_this_node_has_just_changed_the_directory()
    {
        var nodes = await world.NodesAsync();
        var folder = $"names-{Guid.NewGuid():N}";
        var (here, there) = (Path.Combine(nodes.Roots[1], folder), Path.Combine(nodes.Roots[0], folder));
        Directory.CreateDirectory(here);
        for (var turn = 0; turn < 20; turn++)
        {
            File.WriteAllBytes($"{here}/old", []);
            using var isOpen = File.OpenHandle($"{here}/old", FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            File.Exists($"{here}/old").ShouldBeTrue();
            File.WriteAllBytes($"{here}/beside-{turn}", []);
            File.Move($"{here}/beside-{turn}", $"{here}/moved-{turn}");

            File.Move($"{there}/old", $"{there}/new", overwrite: true);
            File.Delete($"{there}/moved-{turn}");

            File.Exists($"{here}/old").ShouldBeFalse();
            File.Exists($"{here}/moved-{turn}").ShouldBeFalse();
            File.Exists($"{here}/new").ShouldBeTrue();
        }
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "mkntfs")]
    public async Task A_file_that_another_node_has_open_is_seen_as_it_grows()
    {
        var nodes = await world.NodesAsync();
        var name = $"log-{Guid.NewGuid():N}";
        var (here, there) = (Path.Combine(nodes.Roots[1], name), Path.Combine(nodes.Roots[0], name));
        File.WriteAllBytes(here, []);
        new FileInfo(there).Length.ShouldBe(0);
        using var log = File.OpenHandle(here, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        for (var line = 1; line <= 20; line++)
        {
            RandomAccess.Write(log, new byte[100], (line - 1) * 100);

            new FileInfo(there).Length.ShouldBe(line * 100);
        }
    }

    private static string Change(Random random, string path)
    {
        var kind = File.Exists(path) ? random.Next(7) : 0;
        switch (kind)
        {
            case 0:
                File.WriteAllBytes(path, new byte[random.Next(9000)]);
                return "written";
            case 1:
                File.Delete(path);
                return "removed";
            case 2:
                File.SetUnixFileMode(path, (UnixFileMode)random.Next(0x200));
                return "mode";
            case 3:
                File.Move(path, path + "-moved", overwrite: true);
                File.Exists(path).ShouldBeFalse();
                return "moved away";
            case 4:
                using (var file = File.OpenHandle(path, FileMode.Open, FileAccess.Write))
                {
                    RandomAccess.SetLength(file, random.Next(20_000));
                }

                return "cut";
            case 5:
                Directory.CreateDirectory(path + "-folder");
                return "folder beside it";
            default:
                File.SetLastWriteTimeUtc(path, DateTime.UnixEpoch.AddSeconds(random.Next()));
                return "time";
        }
    }

    /// <summary>All that can be seen of a file, of what it was moved to, and of the directory.</summary>
    private static string Look(string path)
    {
        var folder = Path.GetDirectoryName(path)!;
        return $"{Seen(path)} {Seen(path + "-moved")} {Directory.Exists(path + "-folder")} {File.GetLastWriteTimeUtc(folder):O}";
    }

    private static string Seen(string path)
    {
        var file = new FileInfo(path);
        return file.Exists ? $"{file.Length} {file.UnixFileMode} {file.LastWriteTimeUtc:O}" : "absent";
    }
}
