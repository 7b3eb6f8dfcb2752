using Covol.IntegrationTests.Fuse;
using Covol.IntegrationTests.Support;
using Covol.Protocol.Volume;
using Shouldly;
using Xunit;

namespace Covol.IntegrationTests.Posix;

/// <summary>READDIRPLUS: a page of names with their attributes in one answer, and yet the same on all nodes at every moment.</summary>
[Collection(nameof(PosixTests))]
public sealed class ListingsWithAttributes(PosixTests.World world)
{
    private const int Many = 1_200;

    [NeedsTheory(Machine.Root, Machine.Fuse, "mkntfs", "ls")]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Looking_at_each_file_of_a_big_folder_asks_the_coordinator_once_a_page(int node)
    {
        var nodes = await world.NodesAsync();
        var folder = Filled(nodes, by: 1 - node, at: node);
        var (looks, pages) = (Looks(), nodes.Served.AskedFor<ListDirectory>());

        var listed = await RealProgram.RunAsync("ls", "-lR", folder);

        listed.Split('\n').Count(line => line.StartsWith("-rw", StringComparison.Ordinal)).ShouldBe(Many);
        (Looks() - looks).ShouldBeLessThan(50, "Others of this test world look at something too, and leases end now and then.");
        (nodes.Served.AskedFor<ListDirectory>() - pages).ShouldBeInRange(3, 10);
        Directory.Delete(folder, recursive: true);

        int Looks() => nodes.Served.AskedFor<Lookup>() + nodes.Served.AskedFor<GetAttributes>() + nodes.Served.AskedFor<GetExtendedAttribute>();
    }

    [NeedsTheory(Machine.Root, Machine.Fuse, "mkntfs", "ls")]
    [InlineData(0)]
    [InlineData(1)]
    public async Task What_another_node_changes_right_after_a_listing_is_seen_at_once(int node)
    {
        var nodes = await world.NodesAsync();
        var name = $"listed-{Guid.NewGuid():N}";
        var (here, there) = (Path.Combine(nodes.Roots[node], name), Path.Combine(nodes.Roots[1 - node], name));
        Directory.CreateDirectory(there);
        for (var file = 0; file < 8; file++)
        {
            File.WriteAllBytes($"{there}/{file}", new byte[file]);
        }

        // Others list all the time, so that changes also meet answers that are on their way.
        using var end = new CancellationTokenSource();
        var listing = Enumerable.Range(0, 2).Select(_ => Task.Run(() => ListUntil(here, end.Token))).ToList();
        try
        {
            for (var turn = 1; turn <= 150; turn++)
            {
                var file = $"{turn % 8}";
                new DirectoryInfo(here).GetFiles().ShouldContain(one => one.Name == file);
                switch (turn % 4)
                {
                    case 0:
                        File.SetUnixFileMode($"{there}/{file}", (UnixFileMode)(0x100 + (turn % 0x80)));
                        File.GetUnixFileMode($"{here}/{file}").ShouldBe((UnixFileMode)(0x100 + (turn % 0x80)), $"turn {turn}");
                        break;
                    case 1:
                        File.WriteAllBytes($"{there}/{file}", new byte[turn * 10]);
                        new FileInfo($"{here}/{file}").Length.ShouldBe(turn * 10, $"turn {turn}");
                        break;
                    case 2:
                        File.Move($"{there}/{file}", $"{there}/moved");
                        File.Exists($"{here}/{file}").ShouldBeFalse($"turn {turn}");
                        File.Exists($"{here}/moved").ShouldBeTrue($"turn {turn}");
                        File.Move($"{there}/moved", $"{there}/{file}");
                        File.Exists($"{here}/moved").ShouldBeFalse($"turn {turn}");
                        break;
                    default:
                        File.Delete($"{there}/{file}");
                        File.Exists($"{here}/{file}").ShouldBeFalse($"turn {turn}");
                        File.WriteAllBytes($"{there}/{file}", new byte[turn]);
                        new FileInfo($"{here}/{file}").Length.ShouldBe(turn, $"turn {turn}");
                        break;
                }
            }
        }
        finally
        {
            await end.CancelAsync();
            await Task.WhenAll(listing);
        }

        Directory.Delete(there, recursive: true);
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "mkntfs", "ls", "sync")]
    public async Task What_a_listing_told_the_kernel_forgets_as_often_as_it_was_told()
    {
        await using var nodes = await TwoNodes.CreateAsync(256);
        var folder = Filled(nodes, by: 0, at: 1);
        for (var time = 0; time < 3; time++)
        {
            await RealProgram.RunAsync("ls", "-lR", folder);
        }

        nodes.InodesKnown(1).ShouldBeGreaterThan(Many);

        // Told too often, they would stay for ever; too seldom, a file that the kernel still has would be unknown.
        using (var isOpen = File.OpenHandle($"{folder}/n00007"))
        {
            await Eventually.TrueAsync(() =>
            {
                File.WriteAllText("/proc/sys/vm/drop_caches", "2");
                return nodes.InodesKnown(1) <= 4;
            });
            RandomAccess.GetLength(isOpen).ShouldBe(7);
        }

        new FileInfo($"{folder}/n00008").Length.ShouldBe(8);
    }

    private static string Filled(TwoNodes nodes, int by, int at)
    {
        var name = $"many-{Guid.NewGuid():N}";
        var made = Directory.CreateDirectory(Path.Combine(nodes.Roots[by], name)).FullName;
        Parallel.For(0, Many, new ParallelOptions { MaxDegreeOfParallelism = 16 }, file =>
        {
            using var handle = File.OpenHandle($"{made}/n{file:00000}", FileMode.CreateNew, FileAccess.Write);
            if (file < 10)
            {
                RandomAccess.Write(handle, new byte[file], 0);
            }
        });
        return Path.Combine(nodes.Roots[at], name);
    }

    private static void ListUntil(string folder, CancellationToken end)
    {
        while (!end.IsCancellationRequested)
        {
            foreach (var file in new DirectoryInfo(folder).EnumerateFileSystemInfos())
            {
                _ = file.Attributes;
            }
        }
    }
}
