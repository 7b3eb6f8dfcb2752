using Covol.Coordinator;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Protocol.Wire;
using Covol.Tests.Coordinator.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Coordinator;

/// <summary>A page of a directory's names that brings what a lookup of each would tell, under the same leases.</summary>
public sealed class PagesWithAttributes
{
    [Fact]
    public async Task A_page_tells_what_a_lookup_of_each_name_would_tell()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var (keeper, changer) = await ClientsAsync(world);
        await ClosedAsync(changer, "a", length: 5_000);
        await ClosedAsync(changer, "b", length: 0);

        var page = await PageAsync(keeper);

        page.Entries.Select(entry => entry.Name).ShouldBe(["a", "b"]);
        foreach (var entry in page.Entries)
        {
            var looked = (await changer.AskAsync<Entry>(new Lookup(changer.Root, entry.Name))).Attributes;
            entry.Attributes.ShouldBe(looked);
            entry.File.ShouldBe(looked.File);
        }
    }

    [Theory]
    [InlineData("chmod")]
    [InlineData("rename")]
    [InlineData("unlink")]
    [InlineData("create beside it")]
    public async Task What_came_with_a_page_is_recalled_before_another_session_changes_it(string change)
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var (keeper, changer) = await ClientsAsync(world);
        keeper.AnswersAttributeRecalls = false;
        var file = await ClosedAsync(changer, "a", length: 0);
        (await PageAsync(keeper)).Entries[0].Attributes.ShouldNotBeNull();

        var changing = changer.AskAsync(
            change switch
            {
                "chmod" => new SetAttributes(file, new AttributeChange { Mode = 0x180 }),
                "rename" => new Rename(changer.Root, "a", changer.Root, "b", RenameMode.Replace),
                "unlink" => new Unlink(changer.Root, "a", IsDirectory: false),
                _ => changer.NewFile("beside", null),
            },
            slot: 5);

        await world.UntilAsync(() => keeper.Notices.OfType<RecallAttributes>().Any());
        changing.IsCompleted.ShouldBeFalse();
        foreach (var recall in keeper.Notices.OfType<RecallAttributes>())
        {
            await keeper.AskAsync<Done>(new ReturnAttributes(recall.Recall), slot: 10);
        }

        (await changing).ShouldNotBeOfType<Refused>();
    }

    [Fact]
    public async Task Control_without_recalls_a_change_does_not_wait_for_who_keeps_a_page()
    {
        await using var world = await CoordinatorWorld.StartAsync(new CoordinatorOptions { RecallsAttributes = false });
        var (keeper, changer) = await ClientsAsync(world);
        keeper.AnswersAttributeRecalls = false;
        var file = await ClosedAsync(changer, "a", length: 0);
        (await PageAsync(keeper)).Entries[0].Attributes.ShouldNotBeNull();

        await changer.AskAsync<Entry>(new SetAttributes(file, new AttributeChange { Mode = 0x180 }), slot: 5);

        keeper.Notices.OfType<RecallAttributes>().ShouldBeEmpty();
    }

    [Fact]
    public async Task A_page_tells_nothing_of_what_may_not_be_kept()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var (keeper, changer) = await ClientsAsync(world);
        await changer.CreateAsync("open");
        await ClosedAsync(changer, "shut", length: 0);

        (await PageAsync(keeper)).Entries.Select(entry => entry.Attributes is null).ShouldBe([true, false]);
        (await PageAsync(changer)).Entries.ShouldAllBe(entry => entry.Attributes == null, "It takes no leases.");
        var names = await keeper.AskAsync<DirectoryPage>(new ListDirectory(keeper.Root, null));
        names.Entries.ShouldAllBe(entry => entry.Attributes == null, "It did not ask for them.");
    }

    [Fact]
    public async Task In_grace_a_page_is_only_names()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var (keeper, changer) = await ClientsAsync(world);
        await ClosedAsync(changer, "a", length: 0);
        await world.TakeOverAsync();
        await keeper.MoveToAsync(world.Coordinator);

        (await PageAsync(keeper)).Entries.ShouldHaveSingleItem().Attributes.ShouldBeNull();
    }

    [Fact]
    public void The_longest_page_fits_a_message()
    {
        var attributes = new InodeAttributes(
            new FileId(new FileReference(ulong.MaxValue), long.MaxValue), FileKind.SymbolicLink, 0xFFF, uint.MaxValue, uint.MaxValue, int.MaxValue,
            new ByteCount(long.MaxValue), new ByteCount(long.MaxValue), uint.MaxValue, new FileTime(long.MaxValue), new FileTime(long.MaxValue),
            new FileTime(long.MaxValue));
        foreach (var name in new[] { "n", new string('日', 255) })
        {
            var entry = new DirectoryEntry(name, attributes.File, attributes.Kind, attributes);
            var size = Size(new DirectoryPage([entry], true, attributes.File.Reference))
                - Size(new DirectoryPage([], true, attributes.File.Reference));
            var counted = VolumeCoordinator.BytesOf(entry, withAttributes: true);

            size.ShouldBeLessThanOrEqualTo(counted);
            (VolumeCoordinator.PageBytesMax + counted + 100).ShouldBeLessThan(WireLimits.FieldsLengthMax);
        }

        static int Size(DirectoryPage page) => VolumeCodec.SizeOf(page);
    }

    private static async Task<(TestClient Keeper, TestClient Changer)> ClientsAsync(CoordinatorWorld world) =>
        (await world.ClientAsync(1, takesAttributeLeases: true), await world.ClientAsync(2));

    private static async Task<FileId> ClosedAsync(TestClient client, string name, int length)
    {
        var (file, handle) = await client.CreateAsync(name);
        if (length > 0)
        {
            await client.WriteAsync(file, 0, RedirectedData.Pattern(length, 1));
        }

        await client.AskAsync<Done>(new Close(handle));
        return file;
    }

    private static Task<DirectoryPage> PageAsync(TestClient client) =>
        client.AskAsync<DirectoryPage>(new ListDirectory(client.Root, null, WithAttributes: true));
}
