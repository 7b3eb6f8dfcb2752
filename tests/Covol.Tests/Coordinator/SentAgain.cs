using Covol.Protocol.Ids;
using Covol.Protocol.Volume;
using Covol.Tests.Coordinator.Support;
using Covol.Transport;
using Shouldly;
using Xunit;

namespace Covol.Tests.Coordinator;

/// <summary>
/// Each kind of request that changes something, at each point where its answer may get lost: sent again under its id it is answered, and
/// not carried out a second time (I5, SAFETY 16, 20). Another node changes the same thing in between, so a second time would be seen.
/// </summary>
public sealed class SentAgain
{
    public enum FaultPoint
    {
        ConnectionBrokeAfterTheAnswer,
        MountCameBackUnderANewKey,
        TakenOverAfterTheCommit,
        TakenOverAfterACheckpoint,
        TakenOverTwice,
    }

    public static TheoryData<string> Kinds()
    {
        var all = new TheoryData<string>();
        foreach (var kind in SentAgainKinds.All.Keys)
        {
            all.Add(kind);
        }

        return all;
    }

    public static TheoryData<string, FaultPoint> KindsAndPoints()
    {
        var all = new TheoryData<string, FaultPoint>();
        foreach (var kind in SentAgainKinds.All.Keys)
        {
            foreach (var point in Enum.GetValues<FaultPoint>())
            {
                all.Add(kind, point);
            }
        }

        return all;
    }

    [Theory]
    [MemberData(nameof(KindsAndPoints))]
    public async Task What_was_carried_out_is_answered_from_memory(string name, FaultPoint point)
    {
        await using var scene = await SentAgainScene.StartAsync();
        var kind = SentAgainKinds.All[name];
        var id = scene.Client.NextId(slot: 3);
        var first = await scene.SendAsync(id, kind);
        first.Reply.ShouldNotBeOfType<Refused>();

        await StrikeAsync(scene, point);
        await kind.Interfere(scene);
        var before = await scene.DescribeAsync();
        var again = await scene.SendAsync(id, kind);

        again.Reply.ShouldBe(first.Reply);
        (await scene.DescribeAsync()).ShouldBe(before);
        scene.World.FailedBecause.ShouldBeNull();
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task What_still_runs_is_waited_for(string name)
    {
        await using var scene = await SentAgainScene.StartAsync();
        var kind = SentAgainKinds.All[name];
        var id = scene.Client.NextId(slot: 3);
        using var mayCommit = new ManualResetEventSlim();
        using var commits = new ManualResetEventSlim();
        scene.World.Volume.BeforeCommit = () =>
        {
            commits.Set();
            mayCommit.Wait(TimeSpan.FromSeconds(20));
        };

        var first = scene.SendAsync(id, kind);
        commits.Wait(TimeSpan.FromSeconds(20)).ShouldBeTrue();
        scene.World.Coordinator.Disconnected(scene.Client);
        var again = scene.SendAsync(id, kind);
        await scene.World.Coordinator.GetStateAsync();
        again.IsCompleted.ShouldBeFalse();
        mayCommit.Set();

        (await again).Reply.ShouldBe((await first).Reply);
        scene.World.Volume.BeforeCommit = null;
        (await scene.DescribeAsync()).ShouldBe(await UndisturbedAsync(kind));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task What_a_crash_cut_short_at_any_commit_is_carried_out_once(string name)
    {
        var kind = SentAgainKinds.All[name];
        var undisturbed = await UndisturbedAsync(kind);
        var cutShort = 0;
        while (await CutShortAtAsync(cutShort, kind, undisturbed))
        {
            cutShort++;
            cutShort.ShouldBeLessThan(20, "A request has a few commits.");
        }

        cutShort.ShouldBeGreaterThan(0, "The crash came never.");
    }

    /// <summary>False: the request was answered before that commit.</summary>
    private static async Task<bool> CutShortAtAsync(int commit, SentAgainKind kind, string undisturbed)
    {
        await using var scene = await SentAgainScene.StartAsync();
        var id = scene.Client.NextId(slot: 3);
        var commits = 0;
        scene.World.Volume.BeforeCommit = () =>
        {
            if (commits++ == commit)
            {
                throw new InvalidOperationException("The coordinator crashed.");
            }
        };
        try
        {
            await scene.SendAsync(id, kind);
            return false;
        }
        catch (ConnectionLostException)
        {
            scene.World.Volume.BeforeCommit = null;
            await scene.TakeOverAsync();
        }

        (await scene.SendAsync(id, kind)).Reply.ShouldNotBeOfType<Refused>();
        (await scene.DescribeAsync()).ShouldBe(undisturbed, $"Cut short at commit {commit}.");
        return true;
    }

    private static async Task<string> UndisturbedAsync(SentAgainKind kind)
    {
        await using var scene = await SentAgainScene.StartAsync();
        await scene.SendAsync(scene.Client.NextId(slot: 3), kind);
        return await scene.DescribeAsync();
    }

    private static async Task StrikeAsync(SentAgainScene scene, FaultPoint point)
    {
        switch (point)
        {
            case FaultPoint.ConnectionBrokeAfterTheAnswer:
                scene.World.Coordinator.Disconnected(scene.Client);
                await scene.Client.MoveToAsync(scene.World.Coordinator);
                break;
            case FaultPoint.MountCameBackUnderANewKey:
                scene.World.Coordinator.Disconnected(scene.Client);
                scene.Client.DataKey = new ReservationKey(0xD0FF);
                scene.World.Lun.Register(scene.Client.DataKey);
                await scene.Client.MoveToAsync(scene.World.Coordinator);
                break;
            case FaultPoint.TakenOverAfterTheCommit:
                await scene.TakeOverAsync();
                break;
            case FaultPoint.TakenOverAfterACheckpoint:
                await scene.World.Coordinator.HandOverAsync();
                await scene.TakeOverAsync();
                break;
            default:
                await scene.TakeOverAsync();
                await scene.TakeOverAsync();
                break;
        }
    }
}
