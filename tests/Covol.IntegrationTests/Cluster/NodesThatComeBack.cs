using System.Diagnostics;
using Covol.IntegrationTests.Lab;
using Covol.IntegrationTests.Support;
using Shouldly;
using Xunit;

namespace Covol.IntegrationTests.Cluster;

/// <summary>A control plane that restarts, and a node that was evicted while it slept.</summary>
public sealed class NodesThatComeBack : IClassFixture<RestartLab>
{
    private readonly RestartLab _lab;

    public NodesThatComeBack(RestartLab lab) => _lab = lab;

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs", "qemu-img", "qemu-system-x86_64")]
    public async Task A_daemon_that_restarts_in_order_is_not_missed_and_finds_everything_that_it_left()
    {
        var before = (await _lab.AskAsync(2, "volume", "list"))[0];
        var owner = int.Parse(before.GetProperty("coordinator").GetString()!["node".Length..]);
        await StartGuestAsync(owner, "idle");
        string[] roles = [" hold ", " mount ", " coordinator ", "qemu-system", "etcd "];
        var left = roles.Select(role => _lab.ProcessOf(owner, role)).ToArray();
        await using var open = File.Open($"{_lab.Volume(owner)}/kept-open", FileMode.Create, FileAccess.ReadWrite);
        open.Write("before"u8);

        await RestartLab.SignalAsync("TERM", [_lab.ProcessOf(owner, " node --config ")]);
        await RestartLab.UntilAsync(
            () => Task.FromResult(!_lab.Processes(owner).Any(process => process.Command.Contains(" node --config ", StringComparison.Ordinal))),
            "The end of the daemon");
        open.Write(" and without"u8);
        open.Flush();
        await CovolCommand.RunAsync(_lab.Directory, "lab", "restart", $"node{owner}");
        await RestartLab.UntilAsync(() => _lab.IsUpAsync(owner), "The daemon's return");

        roles.Select(role => _lab.ProcessOf(owner, role)).ShouldBe(left);
        var after = (await _lab.AskAsync(2, "volume", "list"))[0];
        after.GetProperty("coordinator").GetString().ShouldBe($"node{owner}");
        after.GetProperty("epoch").GetInt64().ShouldBe(before.GetProperty("epoch").GetInt64());
        open.Position = 0;
        (await new StreamReader(open).ReadToEndAsync()).ShouldBe("before and without");
        await RestartLab.UntilAsync(
            async () => (await _lab.AskAsync(owner, "vm", "list")).EnumerateArray()
                .Any(guest => guest.GetProperty("name").GetString() == "idle" && guest.GetProperty("state").GetString() == "Running"),
            "The guest's state");
        await CovolCommand.RunAsync(_lab.Directory, "--node", $"node{owner}", "vm", "stop", "idle", "--force");
        foreach (var peer in (int[])[1, 2, 3])
        {
            _lab.Log(peer).ShouldNotContain($"node{owner} is evicted");
        }
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs", "qemu-img", "qemu-system-x86_64")]
    public async Task A_node_that_was_evicted_while_it_slept_lets_go_of_everything_and_comes_back_with_a_new_key()
    {
        await File.WriteAllTextAsync($"{_lab.Volume(1)}/locked", "text");
        using var holder = Process.Start("flock", ["-x", $"{_lab.Volume(3)}/locked", "sleep", "600"]);
        try
        {
            await RestartLab.UntilAsync(async () => !await IsFreeAsync(2), "The lock of node3");
            await StartGuestAsync(3, "sleeper");
            var slept = _lab.Processes(3).Select(process => process.Id).ToArray();
            var mount = _lab.ProcessOf(3, " mount ");

            await RestartLab.SignalAsync("STOP", slept);
            await RestartLab.UntilAsync(() => IsFreeAsync(2), "The end of node3's lock");
            await RestartLab.SignalAsync("CONT", slept);

            await RestartLab.UntilAsync(
                () => Task.FromResult(_lab.Log(3).Contains("is obeyed", StringComparison.Ordinal)), "The obedience of node3");
            await RestartLab.UntilAsync(() => WritesAsync(3), "node3's way back");
            _lab.ProcessOf(3, " mount ").ShouldNotBe(mount);
            _lab.Processes(3).ShouldNotContain(process => process.Command.Contains("qemu-system", StringComparison.Ordinal));
            (await IsFreeAsync(2)).ShouldBeTrue();
            (await File.ReadAllTextAsync($"{_lab.Volume(1)}/back")).ShouldBe("again");
        }
        finally
        {
            holder.Kill(entireProcessTree: true);
        }
    }

    private async Task<bool> IsFreeAsync(int node) =>
        (await CovolCommand.ProgramAsync("flock", ["-n", "-x", $"{_lab.Volume(node)}/locked", "true"])).Status == 0;

    /// <summary>Where the volume is not mounted its folder is there, and empty.</summary>
    private async Task<bool> WritesAsync(int node) => File.Exists($"{_lab.Volume(node)}/locked")
        && (await CovolCommand.ProgramAsync("/bin/sh", ["-c", $"printf again >{_lab.Volume(node)}/back"])).Status == 0;

    /// <summary>A guest that finds nothing to boot and stays.</summary>
    private async Task StartGuestAsync(int node, string name)
    {
        var (made, _, why) = await CovolCommand.ProgramAsync("qemu-img", ["create", "-f", "raw", $"{_lab.Volume(node)}/{name}.raw", "16M"]);
        made.ShouldBe(0, why);
        await CovolCommand.RunAsync(
            _lab.Directory, "--node", $"node{node}", "vm", "create", name, "--memory", "66060K", "--cpus", "1", "--disk", $"Volume1/{name}.raw");
        await CovolCommand.RunAsync(_lab.Directory, "--node", $"node{node}", "vm", "start", name);
    }
}
