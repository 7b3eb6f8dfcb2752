using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Tests.Coordinator.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Coordinator;

/// <summary>O_TMPFILE, and what a place in a file holds.</summary>
public sealed class FilesWithoutNames
{
    private static readonly HandleId s_handle = new(70);

    [Fact]
    public async Task A_file_made_without_a_name_is_there_until_it_is_closed()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);

        var made = (await client.AskAsync<Entry>(client.NewFile("", s_handle))).Attributes;

        made.LinkCount.ShouldBe(0);
        await client.WriteAsync(made.File, 0, [1, 2, 3]);
        (await client.ReadAsync(made.File, 0, 10)).ShouldBe([1, 2, 3]);
        await client.AskAsync<Done>(new Close(s_handle));
        await world.UntilAsync(() => world.Volume.Orphans().Count == 0);
        (await client.RefusalAsync(new GetAttributes(made.File))).ShouldBe(VolumeError.Stale);
    }

    [Fact]
    public async Task A_name_given_before_the_close_keeps_it()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var made = (await client.AskAsync<Entry>(client.NewFile("", s_handle))).Attributes;

        (await client.AskAsync<Entry>(new Link(made.File, client.Root, "name"))).Attributes.LinkCount.ShouldBe(1);
        await client.AskAsync<Done>(new Close(s_handle));

        (await client.AttributesAsync(made.File)).LinkCount.ShouldBe(1);
        world.Volume.Orphans().ShouldBeEmpty();
        world.FailedBecause.ShouldBeNull();
    }

    [Fact]
    public async Task A_refused_name_leaves_it_as_it_was()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        await client.CreateAsync("taken");
        var made = (await client.AskAsync<Entry>(client.NewFile("", s_handle))).Attributes;

        (await client.RefusalAsync(new Link(made.File, client.Root, "taken"))).ShouldBe(VolumeError.Exists);

        (await client.AttributesAsync(made.File)).LinkCount.ShouldBe(0);
        (await client.AskAsync<Entry>(new Link(made.File, client.Root, "free"))).Attributes.LinkCount.ShouldBe(1);
    }

    [Fact]
    public async Task A_file_that_lost_its_name_gets_none_again()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("name");
        await client.AskAsync<Done>(new Unlink(client.Root, "name", IsDirectory: false));

        (await client.RefusalAsync(new Link(file, client.Root, "again"))).ShouldBe(VolumeError.NotFound);
    }

    [Fact]
    public async Task A_nameless_folder_or_one_without_a_handle_is_refused()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var inode = new NewInode(FileKind.Directory, 0, 0, 0);
        var folder = new Create(client.Root, "", inode, s_handle, OpenExisting: false, Truncate: false);

        (await client.RefusalAsync(folder)).ShouldBe(VolumeError.InvalidName);
        (await client.RefusalAsync(client.NewFile("", handle: null))).ShouldBe(VolumeError.InvalidName);
    }

    [Fact]
    public async Task A_read_far_past_the_end_reads_nothing()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("file");
        await client.WriteAsync(file, 0, [1, 2, 3, 4, 5]);

        // The distance to the end has no place in 32 bits.
        (await client.ReadAsync(file, 1L << 40, 10)).ShouldBeEmpty();
        (await client.ReadAsync(file, (1L << 32) + 2, 10)).ShouldBeEmpty();
        (await client.ReadAsync(file, 5, 10)).ShouldBeEmpty();
    }

    [Fact]
    public async Task What_lies_past_valid_length_is_a_hole()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("file");
        await client.WriteAsync(file, 0, new byte[5_000]);
        await client.AskAsync<Entry>(new SetSize(file, new ByteCount(20_000)));

        (await FindAsync(client, file, 0, hole: false)).ShouldBe(0);
        (await FindAsync(client, file, 4_999, hole: false)).ShouldBe(4_999);
        (await FindAsync(client, file, 5_000, hole: false)).ShouldBe(5_000, "the rest of the last cluster is there");
        (await FindAsync(client, file, 8_192, hole: false)).ShouldBeNull();
        (await FindAsync(client, file, 0, hole: true)).ShouldBe(8_192);
        (await FindAsync(client, file, 12_345, hole: true)).ShouldBe(12_345);
        (await FindAsync(client, file, 20_000, hole: true)).ShouldBeNull();
        (await FindAsync(client, file, 20_000, hole: false)).ShouldBeNull();
    }

    [Fact]
    public async Task No_file_is_made_longer_than_clusters_can_be_counted()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("file");
        const long tooLong = (1L << 44) + 1;

        (await client.RefusalAsync(new SetSize(file, new ByteCount(tooLong)))).ShouldBe(VolumeError.FileTooLarge);
        (await client.RefusalAsync(new SetSize(file, new ByteCount(tooLong - 1)))).ShouldBe(VolumeError.NoSpace);
        (await client.RefusalAsync(
            new WriteData(file, new FileByteOffset(tooLong - 1), Append: false, ClearSetId: false), data: new byte[1]))
            .ShouldBe(VolumeError.FileTooLarge);
        (await client.RefusalAsync(new Allocate(file, AllocationMode.Extend, default, new ByteCount(tooLong))))
            .ShouldBe(VolumeError.FileTooLarge);
    }

    private static async Task<long?> FindAsync(TestClient client, FileId file, long offset, bool hole) =>
        (await client.AskAsync<DataFound>(new FindData(file, new FileByteOffset(offset), hole))).Offset?.Value;
}
