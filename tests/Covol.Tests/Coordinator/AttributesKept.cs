using Covol.Coordinator;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Leases;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Tests.Coordinator.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Coordinator;

/// <summary>Attributes and names that a session may show without asking, and who waits for it.</summary>
public sealed class AttributesKept
{
    private const AttributeLeases Both = AttributeLeases.Attributes | AttributeLeases.Name;

    public static TheoryData<string> Changes =>
        ["chmod", "cut", "link", "unlink", "rename", "rename over it", "create beside it", "attribute", "open", "open by name"];

    [Theory]
    [MemberData(nameof(Changes))]
    public async Task A_change_by_another_session_waits_until_what_is_kept_was_let_go(string change)
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var (keeper, changer, file) = await KeptAsync(world);

        var changing = changer.AskAsync(Change(change, changer, file), slot: 5);

        await world.UntilAsync(() => Recalls(keeper).Count > 0);
        changing.IsCompleted.ShouldBeFalse();
        var answered = new HashSet<long>();
        await world.UntilAsync(() =>
        {
            foreach (var recall in Recalls(keeper).Where(recall => answered.Add(recall.Recall)))
            {
                _ = keeper.AskAsync(new ReturnAttributes(recall.Recall), slot: 10 + answered.Count);
            }

            return changing.IsCompleted;
        });
        (await changing).ShouldNotBeOfType<Refused>();
    }

    [Fact]
    public async Task Without_the_guard_it_changes_while_the_other_still_shows_the_old()
    {
        await using var world = await CoordinatorWorld.StartAsync(new CoordinatorOptions { RecallsAttributes = false });
        var (keeper, changer, file) = await KeptAsync(world);

        (await changer.AskAsync<Entry>(Change("chmod", changer, file), slot: 5)).Attributes.Mode.ShouldBe(0x180);

        Recalls(keeper).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_session_that_does_not_let_go_is_waited_for_until_its_lease_ends()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var (_, changer, file) = await KeptAsync(world);

        var changing = changer.AskAsync(Change("chmod", changer, file), slot: 5);
        await world.UntilAsync(() => changing.IsCompleted, TimeSpan.FromMilliseconds(100));

        (await changing).ShouldBeOfType<Entry>().Attributes.Mode.ShouldBe(0x180);
    }

    [Fact]
    public async Task Who_removes_what_it_knows_the_name_to_lead_to_is_not_recalled_itself()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var (keeper, _, file) = await KeptAsync(world);

        await keeper.AskAsync<Done>(new Unlink(keeper.Root, "disk.raw", IsDirectory: false) { Known = file });

        Recalls(keeper).ShouldBeEmpty();
    }

    [Fact]
    public async Task Who_makes_a_name_may_keep_it_and_the_directory_as_it_is_then()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var keeper = await world.ClientAsync(1, takesAttributeLeases: true);
        var changer = await world.ClientAsync(2);

        var made = await keeper.AskAsync<Entry>(keeper.NewFile("a", null));

        made.Leases.ShouldBe(Both);
        made.Changed.Single().ShouldBe(await changer.AttributesAsync(changer.Root));
        var changing = changer.AskAsync(changer.NewFile("b", null));
        await world.UntilAsync(() => changing.IsCompleted);
        Recalls(keeper).SelectMany(recall => recall.Files).ShouldContain(keeper.Root);
    }

    [Fact]
    public async Task Who_removes_or_moves_a_name_may_keep_the_directory_as_it_is_then()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var keeper = await world.ClientAsync(1, takesAttributeLeases: true);
        await keeper.AskAsync<Entry>(keeper.NewFile("a", null));

        var moved = await keeper.AskAsync<Done>(new Rename(keeper.Root, "a", keeper.Root, "b", RenameMode.Replace));
        var removed = await keeper.AskAsync<Done>(new Unlink(keeper.Root, "b", IsDirectory: false));

        moved.Changed.Single().File.ShouldBe(keeper.Root);
        removed.Changed.Single().ShouldBe(await keeper.AttributesAsync(keeper.Root));
    }

    [Fact]
    public async Task Of_two_changes_of_a_directory_that_meet_neither_may_keep_what_it_left()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var keeper = await world.ClientAsync(1, takesAttributeLeases: true);
        var other = await world.ClientAsync(2, takesAttributeLeases: true);
        using var both = new ManualResetEventSlim();
        world.Volume.BeforeCommit = () => both.Wait(TimeSpan.FromSeconds(20));

        var first = keeper.AskAsync(keeper.NewFile("a", null));
        var second = other.AskAsync(other.NewFile("b", null));
        await world.Coordinator.GetStateAsync();
        both.Set();

        (await first).Changed.ShouldBeEmpty();
        (await second).Changed.ShouldBeEmpty();
    }

    [Fact]
    public async Task An_answer_that_is_given_again_lets_nothing_be_kept()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var keeper = await world.ClientAsync(1, takesAttributeLeases: true);
        var id = keeper.NextId();
        var create = keeper.NewFile("a", null);
        (await keeper.SendAsync(id, create)).Reply.Changed.Count.ShouldBe(1);

        var again = (await keeper.SendAsync(id, create)).Reply.ShouldBeOfType<Entry>();

        again.Changed.ShouldBeEmpty();
        again.Leases.ShouldBe(AttributeLeases.None);
    }

    [Fact]
    public async Task Who_knows_the_name_to_lead_elsewhere_is_put_right()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var (keeper, changer, _) = await KeptAsync(world);
        keeper.AnswersAttributeRecalls = true;
        var (elsewhere, handle) = await changer.CreateAsync("elsewhere");
        await changer.AskAsync<Done>(new Close(handle));

        await changer.AskAsync<Done>(new Unlink(changer.Root, "disk.raw", IsDirectory: false) { Known = elsewhere }, slot: 5);

        Recalls(keeper).SelectMany(recall => recall.Files).ShouldContain(keeper.Root);
        (await changer.RefusalAsync(new Lookup(changer.Root, "disk.raw"))).ShouldBe(VolumeError.NotFound);
        await changer.AskAsync<Entry>(new Lookup(changer.Root, "elsewhere"));
    }

    [Fact]
    public async Task Nothing_is_kept_of_a_file_that_is_open()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var keeper = await world.ClientAsync(1, takesAttributeLeases: true);
        var (file, handle) = await keeper.CreateAsync("disk.raw");

        (await keeper.AskAsync<Entry>(new Lookup(keeper.Root, "disk.raw"))).Leases.ShouldBe(AttributeLeases.Name);
        (await keeper.AskAsync<Entry>(new GetAttributes(file))).Leases.ShouldBe(AttributeLeases.None);
        await keeper.AskAsync<Done>(new Close(handle));
        (await keeper.AskAsync<Entry>(new GetAttributes(file))).Leases.ShouldBe(AttributeLeases.Attributes);
    }

    [Fact]
    public async Task After_a_takeover_a_change_waits_for_a_session_that_has_not_come_back()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var (_, changer, file) = await KeptAsync(world);
        await world.TakeOverAsync();
        await changer.MoveToAsync(world.Coordinator);
        await changer.AskAsync<Done>(new ReclaimComplete());

        var changing = changer.AskAsync(Change("chmod", changer, file), slot: 5);

        await world.Coordinator.GetStateAsync();
        changing.IsCompleted.ShouldBeFalse();
        await world.UntilAsync(() => changing.IsCompleted, TimeSpan.FromMilliseconds(100));
        (await changing).ShouldBeOfType<Entry>();
    }

    [Fact]
    public async Task After_a_takeover_nobody_is_waited_for_who_came_back()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var (keeper, changer, file) = await KeptAsync(world);
        await world.TakeOverAsync();
        await changer.MoveToAsync(world.Coordinator);
        await keeper.MoveToAsync(world.Coordinator);

        await changer.AskAsync<Entry>(Change("chmod", changer, file), slot: 5);
    }

    /// <summary>A file that one session keeps attributes of, with its name and its directory's, and another one that changes it.</summary>
    private static async Task<(TestClient Keeper, TestClient Changer, FileId File)> KeptAsync(CoordinatorWorld world)
    {
        var changer = await world.ClientAsync(2);
        var (file, handle) = await changer.CreateAsync("disk.raw");
        await changer.AskAsync<Done>(new Close(handle));
        await changer.AskAsync<Entry>(changer.NewFile("other", null));
        var keeper = await world.ClientAsync(1, takesAttributeLeases: true);
        keeper.AnswersAttributeRecalls = false;
        (await keeper.AskAsync<Entry>(new Lookup(keeper.Root, "disk.raw"))).Leases.ShouldBe(Both);
        return (keeper, changer, file);
    }

    private static List<RecallAttributes> Recalls(TestClient client) => [.. client.Notices.OfType<RecallAttributes>()];

    private static VolumeRequest Change(string kind, TestClient client, FileId file) => kind switch
    {
        "chmod" => new SetAttributes(file, new AttributeChange { Mode = 0x180 }),
        "cut" => new SetSize(file, new ByteCount(4096)),
        "link" => new Link(file, client.Root, "second"),
        "unlink" => new Unlink(client.Root, "disk.raw", IsDirectory: false),
        "rename" => new Rename(client.Root, "disk.raw", client.Root, "moved", RenameMode.Replace),
        "rename over it" => new Rename(client.Root, "other", client.Root, "disk.raw", RenameMode.Replace),
        "create beside it" => client.NewFile("beside", null),
        "attribute" => new SetExtendedAttribute(file, "user.a", new byte[] { 1 }, MustExist: false, MustNotExist: false),
        "open" => new Open(file, new HandleId(900), OpenAccess.ReadWrite, Truncate: false),
        "open by name" => client.NewFile("disk.raw", new HandleId(901)) with { OpenExisting = true },
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
    };
}
