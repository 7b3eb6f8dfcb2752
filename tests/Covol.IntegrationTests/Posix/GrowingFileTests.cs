using Covol.IntegrationTests.Support;
using Shouldly;
using Xunit;

namespace Covol.IntegrationTests.Posix;

/// <summary>A file that one node writes from its beginning on, by itself, while another node looks at it (SAFETY 12, 13).</summary>
[Collection(nameof(PosixTests))]
public sealed class GrowingFileTests(PosixTests.World world)
{
    private const int Block = 4_096;
    private const int Blocks = 768;
    private const int LookEvery = 96;

    [NeedsTheory(Machine.Root, Machine.Fuse, "mkntfs")]
    [InlineData(0, 1)]
    [InlineData(1, 0)]
    public async Task The_other_node_sees_each_block_as_soon_as_it_is_written(int writing, int looking)
    {
        var nodes = await world.NodesAsync();
        var name = $"growing-{writing}-{Guid.NewGuid():N}";
        var seen = Path.Combine(nodes.Roots[looking], name);
        var direct = nodes.Describe(writing).DirectBytes;
        using (var file = File.OpenHandle(
            Path.Combine(nodes.Roots[writing], name), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            for (var block = 0; block < Blocks; block++)
            {
                RandomAccess.Write(file, Filled(block), (long)block * Block);
                if (block % LookEvery != LookEvery - 1)
                {
                    continue;
                }

                new FileInfo(seen).Length.ShouldBe((block + 1L) * Block);
                ReadBlock(seen, block).ShouldBe(Filled(block));
                RandomAccess.GetLength(file).ShouldBe((block + 1L) * Block);
            }

            // Most of it went to the LUN without the coordinator.
            (nodes.Describe(writing).DirectBytes - direct).ShouldBeGreaterThan(Blocks * Block / 2);
            RandomAccess.FlushToDisk(file);
        }

        var whole = await File.ReadAllBytesAsync(seen);
        whole.Length.ShouldBe(Blocks * Block);
        for (var block = 0; block < Blocks; block++)
        {
            whole.AsSpan(block * Block, Block).SequenceEqual(Filled(block)).ShouldBeTrue($"block {block}");
        }

        File.Delete(seen);
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "mkntfs")]
    public async Task The_other_node_writes_at_the_end_while_the_file_grows_and_blocks_left_out_are_zero()
    {
        var nodes = await world.NodesAsync();
        var name = $"growing-both-{Guid.NewGuid():N}";
        using var first = File.OpenHandle(
            Path.Combine(nodes.Roots[1], name), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite);
        using var second = File.OpenHandle(
            Path.Combine(nodes.Roots[0], name), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        var random = new Random(7);
        var written = new bool[Blocks];
        for (var block = 0; block < Blocks; block++)
        {
            if (random.Next(10) == 0)
            {
                continue;
            }

            RandomAccess.Write(random.Next(64) == 0 ? second : first, Filled(block), (long)block * Block);
            written[block] = true;
        }

        var last = Array.LastIndexOf(written, true);
        RandomAccess.GetLength(second).ShouldBe((last + 1L) * Block);
        var content = new byte[Block];
        for (var block = 0; block <= last; block++)
        {
            RandomAccess.Read(second, content, (long)block * Block).ShouldBe(Block);
            content.ShouldBe(written[block] ? Filled(block) : new byte[Block], $"block {block}");
        }
    }

    [NeedsTheory(Machine.Root, Machine.Fuse, "mkntfs")]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Times_that_are_set_before_the_close_stay(int writing)
    {
        var nodes = await world.NodesAsync();
        var name = $"growing-dated-{writing}-{Guid.NewGuid():N}";
        var path = Path.Combine(nodes.Roots[writing], name);
        var time = new DateTime(1999, 12, 31, 23, 59, 59, DateTimeKind.Utc);
        var direct = nodes.Describe(writing).DirectBytes;
        using (var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            for (var block = 0; block < Blocks; block++)
            {
                RandomAccess.Write(file, Filled(block), (long)block * Block);
            }

            (nodes.Describe(writing).DirectBytes - direct).ShouldBeGreaterThan(0);
            File.SetLastWriteTimeUtc(file, time);
        }

        foreach (var root in nodes.Roots)
        {
            File.GetLastWriteTimeUtc(Path.Combine(root, name)).ShouldBe(time);
        }

        File.Delete(path);
    }

    private static byte[] ReadBlock(string path, int block)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var content = new byte[Block];
        RandomAccess.Read(file, content, (long)block * Block).ShouldBe(Block);
        return content;
    }

    private static byte[] Filled(int block)
    {
        var content = new byte[Block];
        content.AsSpan().Fill((byte)(1 + (block % 255)));
        return content;
    }
}
