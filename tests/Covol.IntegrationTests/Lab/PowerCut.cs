using Covol.IntegrationTests.Support;
using Shouldly;
using Xunit;

namespace Covol.IntegrationTests.Lab;

/// <summary>Every process of every node is killed at once, etcd's members and guests included, and the lab is started again over its files.</summary>
[Collection(LabCollection.Name)]
public sealed class PowerCut
{
    private const int RoundsWanted = 15;
    private readonly LabFixture _lab;

    public PowerCut(LabFixture lab) => _lab = lab;

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs", "ntfsfix", "qemu-img", "qemu-system-x86_64", "gcc", "busybox")]
    public async Task A_power_cut_loses_nothing_that_was_synchronized_and_shows_what_does_not_run_any_more()
    {
        await _lab.MendAsync();
        await using var guest = await LabGuest.StartAsync(_lab, "cut", 2);
        var writers = await WriteAsync(LabFixture.Nodes);

        await _lab.Faults.PowerCutAsync(CancellationToken.None);
        LabLeftovers.Processes(_lab.Directory).ShouldBeEmpty();
        LabLeftovers.Mounts(_lab.Directory).ShouldBeEmpty();
        await CovolCommand.RunAsync(_lab.Directory, "lab", "up");

        await _lab.HealthyAsync();
        Verify(writers);
        await Until.TrueAsync("the guest is known not to run", async () => (await guest.ViewAsync(1)).State == "Failed");
        var view = await guest.ViewAsync(3);
        view.Node.ShouldBe("node2");
        view.Reason.ShouldContain("not running any more");
        await guest.VerifyAsync(3);

        await guest.StartAgainAsync(1);
        await guest.WriteOnAsync(20);
        await guest.StopAsync(3);
        await guest.VerifyAsync(2);
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs", "ntfsfix")]
    public async Task A_power_cut_in_the_middle_of_a_takeover_loses_nothing_that_was_synchronized()
    {
        await _lab.MendAsync();
        var writers = await WriteAsync(LabFixture.Nodes);
        using var first = _lab.Client(1);
        var before = (await first.GetVolumesAsync(CancellationToken.None)).Single();
        var victim = _lab.Lab.ParseNode(before.Coordinator);
        using var survivor = _lab.Client((victim % 3) + 1);

        await _lab.Faults.KillNodeAsync(victim, CancellationToken.None);
        await Until.TrueAsync(
            "a survivor has won the next epoch",
            async () => await LabFixture.AnswerAsync(() => survivor.GetVolumesAsync(CancellationToken.None)) is [var volume]
                && volume.Epoch > before.Epoch);
        await _lab.Faults.PowerCutAsync(CancellationToken.None);
        foreach (var node in (int[])[3, 1, 2])
        {
            await CovolCommand.RunAsync(_lab.Directory, "lab", "restart", $"node{node}");
        }

        await _lab.HealthyAsync();
        (await _lab.CoordinatedByAsync(victim)).Epoch.ShouldBeGreaterThan(before.Epoch);
        Verify(writers);
        await _lab.CheckOfflineAsync();
        Verify(writers);
    }

    private async Task<DurableWriter[]> WriteAsync(IEnumerable<int> nodes)
    {
        DurableWriter[] writers = [.. nodes.Select(node => new DurableWriter($"{_lab.Volume(node)}/durable-{node}"))];
        await Until.TrueAsync(
            "each writer has made its rounds",
            () => writers.All(writer => writer.Ended is { } ended ? throw new IOException(ended) : writer.Rounds >= RoundsWanted),
            () => string.Join(", ", writers.Select(writer => writer.Rounds)));
        return writers;
    }

    /// <summary>Each one's folder, through the next node.</summary>
    private void Verify(DurableWriter[] writers)
    {
        for (var index = 0; index < writers.Length; index++)
        {
            writers[index].Join();
            writers[index].Verify($"{_lab.Volume(((index + 1) % LabFixture.Nodes.Length) + 1)}/durable-{LabFixture.Nodes[index]}");
        }
    }
}
