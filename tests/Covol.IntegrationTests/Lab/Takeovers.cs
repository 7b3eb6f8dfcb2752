using Covol.IntegrationTests.Support;
using Shouldly;
using Xunit;

namespace Covol.IntegrationTests.Lab;

/// <summary>The coordinator goes, in order or not, while fio writes on other nodes: fio sees no error and finds every byte.</summary>
[Collection(LabCollection.Name)]
public sealed class Takeovers
{
    private const int MovesMin = 3;
    private readonly LabFixture _lab;

    public Takeovers(LabFixture lab) => _lab = lab;

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs", "fio")]
    public async Task The_loss_of_the_coordinators_node_costs_two_verifying_nodes_nothing()
    {
        await _lab.MendAsync();
        var before = await _lab.CoordinatedByAsync(1);
        var victim = _lab.Lab.ParseNode(before.Coordinator);
        int[] survivors = [.. LabFixture.Nodes.Where(node => node != victim)];
        using var first = new VerifyingFio($"{_lab.Volume(survivors[0])}/takeover-1");
        using var second = new VerifyingFio($"{_lab.Volume(survivors[1])}/takeover-2");
        await first.BegunAsync();
        await second.BegunAsync();

        await _lab.Faults.KillNodeAsync(victim, CancellationToken.None);
        await Until.TrueAsync("a survivor coordinates", async () => await OnlineAfterAsync(survivors[0], before.Epoch));

        await first.VerifiedAsync();
        await second.VerifiedAsync();
        await CompareAsync($"{_lab.Volume(survivors[0])}/takeover-2", $"{_lab.Volume(survivors[1])}/takeover-2");
        await _lab.MendAsync();
        await CompareAsync($"{_lab.Volume(victim)}/takeover-1", $"{_lab.Volume(survivors[1])}/takeover-1");
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs", "fio")]
    public async Task A_volume_moves_from_node_to_node_under_a_verifying_fio()
    {
        await _lab.MendAsync();
        using var fio = new VerifyingFio($"{_lab.Volume(1)}/moved");
        using var client = _lab.Client(1);
        await fio.BegunAsync();
        var opener = Task.Run(() => OpenUntilEnd(fio));
        var moves = 0;
        while (!fio.HasEnded)
        {
            var at = _lab.Lab.ParseNode((await _lab.CoordinatedByAsync(1)).Coordinator);
            var to = $"node{(at % LabFixture.Nodes.Length) + 1}";
            (await client.MoveVolumeAsync(LabFixture.VolumeName, to, CancellationToken.None)).Coordinator.ShouldBe(to);
            moves++;
        }

        await fio.VerifiedAsync();
        (await opener).ShouldBeGreaterThanOrEqualTo(moves, "Between two moves a volume works.");
        moves.ShouldBeGreaterThanOrEqualTo(MovesMin);
        await CompareAsync($"{_lab.Volume(2)}/moved", $"{_lab.Volume(3)}/moved");
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs", "fio")]
    public async Task A_coordinator_that_is_killed_comes_back_and_a_verifying_fio_finds_every_byte()
    {
        await _lab.MendAsync();
        var before = await _lab.CoordinatedByAsync(1);
        var owner = _lab.Lab.ParseNode(before.Coordinator);
        using var fio = new VerifyingFio($"{_lab.Volume((owner % 3) + 1)}/killed");
        await fio.BegunAsync();

        await CovolCommand.RunAsync(_lab.Directory, "lab", "kill", before.Coordinator, "--process", "coordinator");
        await Until.TrueAsync("the volume has a coordinator again", async () => await OnlineAfterAsync(1, before.Epoch));

        await fio.VerifiedAsync();
        await _lab.HealthyAsync();
        await CompareAsync($"{_lab.Volume(1)}/killed", $"{_lab.Volume(2)}/killed");
    }

    /// <summary>Opens, writes and reads a file again and again, on one node and on another. Returns how often.</summary>
    private int OpenUntilEnd(VerifyingFio fio)
    {
        var times = 0;
        while (!fio.HasEnded)
        {
            File.WriteAllText($"{_lab.Volume(2)}/opened", $"{times}");
            File.ReadAllText($"{_lab.Volume(3)}/opened").ShouldBe($"{times}");
            times++;
        }

        return times;
    }

    private async Task<bool> OnlineAfterAsync(int asked, long epoch)
    {
        using var client = _lab.Client(asked);
        return await LabFixture.AnswerAsync(() => client.GetVolumesAsync(CancellationToken.None)) is [{ State: "Online" } volume]
            && volume.Epoch > epoch;
    }

    private static async Task CompareAsync(string one, string other)
    {
        var (status, output, error) = await CovolCommand.ProgramAsync("cmp", [one, other]);
        status.ShouldBe(0, output + error);
    }
}
