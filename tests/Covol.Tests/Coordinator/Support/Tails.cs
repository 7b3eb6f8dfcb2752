using Covol.Coordinator;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Shouldly;

namespace Covol.Tests.Coordinator.Support;

/// <summary>A node that has a file's tail, as tests of the coordinator play it.</summary>
internal static class Tails
{
    /// <summary>What is valid when the tail is given, in bytes.</summary>
    public const int Begun = 8_192;

    public const int Block = 512;

    public static CoordinatorOptions Options { get; } = new() { TailFrom = 1, TailMin = 16_384 };

    public static async Task<(FileId File, Layout Layout)> TailAsync(TestClient holder, string name = "disk.raw")
    {
        var (file, _) = await holder.CreateAsync(name);
        return (file, await TailAsync(holder, file));
    }

    public static async Task<Layout> TailAsync(TestClient holder, FileId file)
    {
        await holder.WriteAsync(file, 0, RedirectedData.Pattern(Begun, 1));
        var layout = await AskAsync(holder, file);
        layout.HasTail.ShouldBeTrue();
        return layout;
    }

    /// <summary>The layout that is given to who wants a tail.</summary>
    public static async Task<Layout> AskAsync(TestClient holder, FileId file) =>
        (await holder.AskAsync<LayoutGranted>(new GetLayout(file, LayoutAccess.ReadWrite, WithTail: true))).Layout.ShouldNotBeNull();

    public static CommitLayout Told(Layout layout, long start, bool isLast) => new(
        layout.File,
        layout.Generation,
        [new WrittenRange(new FileByteOffset(start), new FileByteOffset(start + Block))],
        Ticket: 0,
        isLast);

    public static byte[] Filled(byte value)
    {
        var block = new byte[Block];
        block.AsSpan().Fill(value);
        return block;
    }

    /// <summary>As the holder does: straight to the LUN.</summary>
    public static void Write(CoordinatorWorld world, Layout layout, long at, byte value)
    {
        var extent = layout.Extents.Single(piece => piece.FileStart.Value <= at && at < piece.FileEnd.Value);
        world.Lun.Write(extent.LunStart + new ByteCount(at - extent.FileStart.Value), Filled(value));
    }
}
