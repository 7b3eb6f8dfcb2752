using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Leases;
using Covol.Protocol.Locks;
using Covol.Protocol.Volume;
using Covol.Tests.Coordinator.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Coordinator;

/// <summary>
/// As <see cref="SentAgain"/>, for requests that change what a session holds: sent again at each point where the answer may get lost, they are
/// answered, and what is held is as if they had been sent once (I5, SAFETY 20, 21).
/// </summary>
public sealed class SentAgainUnkept
{
    public static TheoryData<string, SentAgain.FaultPoint> KindsAndPoints()
    {
        var all = new TheoryData<string, SentAgain.FaultPoint>();
        foreach (var kind in UnkeptKinds.All.Keys)
        {
            foreach (var point in Enum.GetValues<SentAgain.FaultPoint>())
            {
                all.Add(kind, point);
            }
        }

        return all;
    }

    [Theory]
    [MemberData(nameof(KindsAndPoints))]
    public async Task What_is_held_is_as_if_it_was_sent_once(string name, SentAgain.FaultPoint point)
    {
        var kind = UnkeptKinds.All[name];
        var once = await OnceAsync(kind, point);
        await using var scene = await UnkeptScene.StartAsync(kind);
        var id = scene.Client.NextId(slot: 3);
        (await scene.SendAsync(id, kind)).Reply.ShouldNotBeOfType<Refused>();

        await scene.StrikeAsync(point);
        var again = await scene.SendAsync(id, kind);
        var andAgain = await scene.SendAsync(id, kind);

        again.Reply.ShouldNotBeOfType<Refused>();
        andAgain.Reply.ShouldBe(again.Reply);
        (await scene.DescribeAsync()).ShouldBe(once);
        scene.World.FailedBecause.ShouldBeNull();
    }

    [Theory]
    [InlineData(SentAgain.FaultPoint.ConnectionBrokeAfterTheAnswer)]
    [InlineData(SentAgain.FaultPoint.MountCameBackUnderANewKey)]
    [InlineData(SentAgain.FaultPoint.TakenOverAfterTheCommit)]
    [InlineData(SentAgain.FaultPoint.TakenOverTwice)]
    public async Task A_lock_that_is_waited_for_and_asked_for_again_is_granted_once(SentAgain.FaultPoint point)
    {
        var kind = UnkeptKinds.All["wait for a lock"];
        await using var scene = await UnkeptScene.StartAsync(kind);
        var id = scene.Client.NextId(slot: 3);
        await scene.SendAsync(id, kind);

        await scene.StrikeAsync(point);
        var queued = (await scene.SendAsync(id, kind)).Reply.ShouldBeOfType<LockQueued>();
        await scene.Other.AskAsync<Done>(scene.LockOfOther(LockMode.Unlock));

        await scene.World.UntilAsync(() => scene.Client.Notices.OfType<LockResolved>().Any());
        scene.Client.Notices.OfType<LockResolved>().Distinct().ShouldBe([new LockResolved(scene.File, queued.Ticket, null)]);
        await scene.Client.AskAsync<Done>(scene.Lock(LockMode.Unlock), slot: 4);
        (await scene.World.Coordinator.GetStateAsync()).Locks.ShouldBe(0);
    }

    [Theory]
    [InlineData(SentAgain.FaultPoint.ConnectionBrokeAfterTheAnswer)]
    [InlineData(SentAgain.FaultPoint.TakenOverAfterTheCommit)]
    public async Task A_close_sent_again_closes_no_other_handle_of_the_file(SentAgain.FaultPoint point)
    {
        var kind = UnkeptKinds.All["close"];
        await using var scene = await UnkeptScene.StartAsync(kind);
        var id = scene.Client.NextId(slot: 3);
        await scene.SendAsync(id, kind);
        await scene.StrikeAsync(point);
        await scene.Other.AskAsync<Done>(new Close(scene.OfOther));
        await scene.Other.AskAsync<Done>(new Unlink(scene.Other.Root, "a", IsDirectory: false));

        await scene.SendAsync(id, kind);

        (await scene.Client.ReadAsync(scene.File, 0, UnkeptScene.Length)).ShouldBe(RedirectedData.Pattern(UnkeptScene.Length, 1));
        await scene.Client.AskAsync<Done>(new Close(scene.Second));
        await scene.World.UntilAsync(() => scene.World.Volume.Orphans().Count == 0);
    }

    [Theory]
    [InlineData(SentAgain.FaultPoint.ConnectionBrokeAfterTheAnswer)]
    [InlineData(SentAgain.FaultPoint.TakenOverAfterTheCommit)]
    public async Task A_return_sent_again_does_not_end_the_layout_that_was_granted_since(SentAgain.FaultPoint point)
    {
        var kind = UnkeptKinds.All["return a layout"];
        await using var scene = await UnkeptScene.StartAsync(kind);
        scene.Client.AnswersRecalls = false;
        var id = scene.Client.NextId(slot: 3);
        await scene.SendAsync(id, kind);
        await scene.StrikeAsync(point);
        var newer = await scene.Client.LayoutAsync(scene.File);

        await scene.SendAsync(id, kind);

        // A cut still waits for the one that was granted since.
        var cut = scene.Other.AskAsync(new SetSize(scene.File, default), slot: 5);
        await scene.World.UntilAsync(() => scene.Client.Notices.OfType<RecallLayout>().Any());
        scene.Client.Notices.OfType<RecallLayout>().ShouldAllBe(recall => recall.Generation == newer.Generation);
        cut.IsCompleted.ShouldBeFalse();
        await scene.Client.AskAsync<Done>(new ReturnLayout(scene.File, newer.Generation), slot: 6);
        (await cut).ShouldBeOfType<Entry>();
    }

    [Theory]
    [InlineData(SentAgain.FaultPoint.ConnectionBrokeAfterTheAnswer)]
    [InlineData(SentAgain.FaultPoint.TakenOverAfterTheCommit)]
    public async Task A_return_of_attributes_sent_again_answers_no_later_recall(SentAgain.FaultPoint point)
    {
        await using var scene = await UnkeptScene.StartAsync(UnkeptKinds.None);
        var (keeper, changer) = (scene.Client, scene.Other);
        keeper.AnswersAttributeRecalls = false;
        await changer.AskAsync<Entry>(changer.NewFile("b", null));
        var file = await KeepAsync();
        var first = changer.AskAsync(new SetAttributes(file, new AttributeChange { Mode = 0x180 }), slot: 5);
        await scene.World.UntilAsync(() => Recalls().Count == 1);
        var id = keeper.NextId(slot: 3);
        var returned = new ReturnAttributes(Recalls()[0].Recall);
        (await keeper.SendAsync(id, returned)).Reply.ShouldBe(Done.Instance);
        await first;

        await scene.StrikeAsync(point);
        await KeepAsync();
        var second = changer.AskAsync(new SetAttributes(file, new AttributeChange { Mode = 0x1A4 }), slot: 6);
        await scene.World.UntilAsync(() => Recalls().Count == 2);
        (await keeper.SendAsync(id, returned)).Reply.ShouldBe(Done.Instance);

        await scene.World.Coordinator.GetStateAsync();
        second.IsCompleted.ShouldBeFalse();
        await keeper.AskAsync<Done>(new ReturnAttributes(Recalls()[1].Recall), slot: 7);
        (await second).ShouldBeOfType<Entry>();

        List<RecallAttributes> Recalls() => [.. keeper.Notices.OfType<RecallAttributes>()];

        // Right after another session took it away it is not given for a moment.
        async Task<FileId> KeepAsync()
        {
            Entry? entry = null;
            while (entry is not { Leases: AttributeLeases.Attributes | AttributeLeases.Name })
            {
                scene.World.Time.Advance(TimeSpan.FromMilliseconds(50));
                await keeper.AskAsync<Done>(new RenewLease(), slot: 8);
                entry = await keeper.AskAsync<Entry>(new Lookup(keeper.Root, "b"), slot: 9);
            }

            return entry.Attributes.File;
        }
    }

    /// <summary>The same, with an answer that was not lost: what is held after the fault then.</summary>
    private static async Task<string> OnceAsync(UnkeptKind kind, SentAgain.FaultPoint point)
    {
        await using var scene = await UnkeptScene.StartAsync(kind);
        await scene.StrikeAsync(point);
        (await scene.SendAsync(scene.Client.NextId(slot: 3), kind)).Reply.ShouldNotBeOfType<Refused>();
        return await scene.DescribeAsync();
    }
}
