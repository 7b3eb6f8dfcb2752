using Covol.IntegrationTests.Fuse;
using Covol.IntegrationTests.Support;
using Microsoft.Win32.SafeHandles;
using Shouldly;
using Xunit;

namespace Covol.IntegrationTests.Posix;

/// <summary>Files with holes, used from both nodes at once, the direct way too.</summary>
[Collection(nameof(PosixTests))]
public sealed class SparseFileTests(PosixTests.World world)
{
    private const int Length = 6 << 20;
    private const int Block = 4_096;

    [NeedsTheory(Machine.Root, Machine.Fuse, "mkntfs")]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Whatever_both_nodes_do_to_a_file_with_holes_both_read_the_same(int seed)
    {
        var nodes = await world.NodesAsync();
        var random = new Random(seed);
        var name = $"holes-{seed}-{Guid.NewGuid():N}";
        var expected = new byte[2 * Length];
        long size = 0;
        using var first = Open(nodes.Roots[0], name, FileMode.CreateNew);
        using var second = Open(nodes.Roots[1], name, FileMode.Open);
        SafeFileHandle[] files = [first, second];
        for (var turn = 0; turn < 400; turn++)
        {
            var file = files[random.Next(2)];
            var offset = random.Next(Length);
            var length = random.Next(1, random.Next(2) == 0 ? 10_000 : 400_000);
            if (random.Next(2) == 0)
            {
                (offset, length) = (offset / Block * Block, (length + Block - 1) / Block * Block);
            }

            switch (random.Next(10))
            {
                case 0:
                    RandomAccess.SetLength(file, offset);
                    expected.AsSpan(Math.Min(offset, (int)size)).Clear();
                    size = offset;
                    break;
                case 1 or 2:
                    Allocate(file, Libc.PunchHole | Libc.KeepSize, offset, length);
                    expected.AsSpan(offset, length).Clear();
                    break;
                case 3:
                    Allocate(file, Libc.ZeroRange | Libc.KeepSize, offset, length);
                    expected.AsSpan(offset, length).Clear();
                    break;
                case 4:
                    Allocate(file, 0, offset, length);
                    size = Math.Max(size, offset + length);
                    break;
                default:
                    var data = new byte[length];
                    random.NextBytes(data);
                    RandomAccess.Write(file, data, offset);
                    data.CopyTo(expected, offset);
                    size = Math.Max(size, offset + length);
                    break;
            }

            var reader = files[random.Next(2)];
            RandomAccess.GetLength(reader).ShouldBe(size, $"turn {turn}");
            Same(reader, expected, size, Math.Max(0, offset - 5_000), length + 10_000, turn);
        }

        foreach (var file in files)
        {
            Same(file, expected, size, 0, 2 * Length, turn: 400);
        }
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "mkntfs", "qemu-img", "qemu-io")]
    public async Task What_a_guest_gives_back_is_free_on_both_nodes()
    {
        var nodes = await world.NodesAsync();
        var name = $"disk-{Guid.NewGuid():N}.raw";
        var disk = Path.Combine(nodes.Roots[1], name);
        await RealProgram.RunAsync("qemu-img", "create", "-q", "-f", "raw", disk, "64M");
        await RealProgram.RunAsync("qemu-io", "-f", "raw", "-n", "-t", "none", "-c", "write -P 7 0 48M", "-c", "flush", disk);
        var free = new DriveInfo(nodes.Roots[0]).AvailableFreeSpace;

        await RealProgram.RunAsync("qemu-io", "-f", "raw", "-n", "-t", "none", "-d", "unmap", "-c", "discard 8M 32M", "-c", "flush", disk);

        foreach (var root in nodes.Roots)
        {
            (new DriveInfo(root).AvailableFreeSpace - free).ShouldBeGreaterThanOrEqualTo(32 << 20);
        }

        var there = Path.Combine(nodes.Roots[0], name);
        string[] look = ["-f", "raw", "-n", "-t", "none", "-c", "read -P 7 0 8M", "-c", "read -P 0 8M 32M", "-c", "read -P 7 40M 8M"];
        var read = await RealProgram.RunAsync("qemu-io", [.. look, "-c", "read -P 0 48M 16M", there]);
        read.ShouldNotContain("verification failed");
        var map = await RealProgram.RunAsync("qemu-img", "map", "--output=json", "-f", "raw", there);
        map.ShouldContain("\"start\": 8388608, \"length\": 33554432");
        File.Delete(disk);
    }

    private static SafeFileHandle Open(string root, string name, FileMode mode) =>
        File.OpenHandle(Path.Combine(root, name), mode, FileAccess.ReadWrite, FileShare.ReadWrite);

    private static void Allocate(SafeFileHandle file, int mode, long offset, long length) =>
        Libc.Allocate((int)file.DangerousGetHandle(), mode, offset, length).ShouldBe(0);

    private static void Same(SafeFileHandle file, byte[] expected, long size, int offset, int length, int turn)
    {
        var read = new byte[length];
        var count = RandomAccess.Read(file, read, offset);
        count.ShouldBe((int)Math.Clamp(size - offset, 0, length), $"turn {turn}");
        read.AsSpan(0, count).CommonPrefixLength(expected.AsSpan(offset, count)).ShouldBe(count, $"turn {turn}, from {offset}");
    }
}
