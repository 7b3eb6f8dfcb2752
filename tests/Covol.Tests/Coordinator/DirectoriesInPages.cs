using Covol.Protocol.Volume;
using Covol.Tests.Coordinator.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Coordinator;

/// <summary>A directory that is longer than one answer.</summary>
public sealed class DirectoriesInPages
{
    private const int Many = 1_300;

    [Fact]
    public async Task A_big_directory_is_read_page_by_page()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await FilledAsync(world);

        var names = await ReadOnAsync(client, null);

        names.ShouldBe(Enumerable.Range(0, Many).Select(NameOf));
        (await PageAsync(client, null)).Entries.Count.ShouldBeLessThan(Many);
    }

    [Fact]
    public async Task Who_begins_again_sees_what_is_there_now()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await FilledAsync(world);
        var first = await PageAsync(client, null);
        await client.CreateAsync("a-new");

        (await PageAsync(client, null)).Entries[0].Name.ShouldBe("a-new");

        var rest = await ReadOnAsync(client, first.Entries[^1].Name);
        rest.ShouldBe(Enumerable.Range(first.Entries.Count, Many - first.Entries.Count).Select(NameOf));
    }

    [Fact]
    public async Task Names_that_go_while_a_directory_is_read_are_left_out_and_no_other_one()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await FilledAsync(world);
        var first = await PageAsync(client, null);
        for (var n = first.Entries.Count; n < Many; n += 2)
        {
            await client.AskAsync<Done>(new Unlink(client.Root, NameOf(n), IsDirectory: false));
        }

        var rest = await ReadOnAsync(client, first.Entries[^1].Name);

        rest.ShouldBe(Enumerable.Range(first.Entries.Count, Many - first.Entries.Count)
            .Where(n => (n - first.Entries.Count) % 2 == 1).Select(NameOf));
    }

    [Fact]
    public async Task A_coordinator_that_did_not_make_the_first_page_goes_on_after_it()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await FilledAsync(world);
        var first = await PageAsync(client, null);

        await world.TakeOverAsync();
        await client.MoveToAsync(world.Coordinator);
        await client.AskAsync<Done>(new ReclaimComplete());

        var rest = await ReadOnAsync(client, first.Entries[^1].Name);
        rest.ShouldBe(Enumerable.Range(first.Entries.Count, Many - first.Entries.Count).Select(NameOf));
    }

    private static string NameOf(int n) => $"n{n:00000}";

    private static async Task<TestClient> FilledAsync(CoordinatorWorld world)
    {
        var client = await world.ClientAsync(1);
        for (var n = 0; n < Many; n++)
        {
            await client.AskAsync<Entry>(client.NewFile(NameOf(n), handle: null));
        }

        return client;
    }

    private static Task<DirectoryPage> PageAsync(TestClient client, string? after) =>
        client.AskAsync<DirectoryPage>(new ListDirectory(client.Root, after));

    private static async Task<List<string>> ReadOnAsync(TestClient client, string? after)
    {
        var names = new List<string>();
        DirectoryPage page;
        do
        {
            page = await PageAsync(client, after);
            page.Parent.ShouldBe(client.Root.Reference);
            names.AddRange(page.Entries.Select(entry => entry.Name));
            after = names.Count > 0 ? names[^1] : after;
        }
        while (!page.IsLast);
        return names;
    }
}
