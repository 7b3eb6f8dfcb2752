using System.Net;
using System.Net.Sockets;
using Covol.IntegrationTests.Support;
using Shouldly;
using Xunit;

namespace Covol.IntegrationTests.CommandLine;

/// <summary>Nodes that do not run, are not there, or cannot have their ports.</summary>
[Collection(CommandLabCollection.Name)]
public sealed class NodeRefusals
{
    private readonly CommandLab _lab;

    public NodeRefusals(CommandLab lab) => _lab = lab;

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs")]
    public async Task A_node_that_is_not_there_is_named()
    {
        foreach (var command in (string[][])
        [
            ["--node", "node7", "volume", "list"], ["--node", "seven", "volume", "list"], ["lab", "kill", "node7"], ["lab", "restart", "node7"],
        ])
        {
            (await Shell.RefusedAsync(_lab.Path, command)).ShouldContain("its nodes are node1, node2");
        }

        (await Shell.RefusedAsync(_lab.Path, "volume", "move", "Volume1", "--to", "node7")).ShouldStartWith("node7 is not up");
        (await Shell.RefusedAsync(_lab.Path, "volume", "move", "Volume1", "--to", "here")).ShouldStartWith("'here' is not a node");
        (await Shell.RefusedAsync(_lab.Path, "lab", "restart", "node1")).ShouldStartWith("node1 is running.");
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs")]
    public async Task A_node_whose_port_is_taken_does_not_start_says_which_and_starts_when_it_is_free()
    {
        await Shell.RunAsync(_lab.Path, "lab", "kill", "node2");

        (await Shell.RefusedAsync(_lab.Path, "--node", "node2", "volume", "list")).ShouldContain("node2 of the lab");
        foreach (var (name, use) in ((string, string)[])[("apiPort", "the API"), ("heartbeatPort", "heartbeats"), ("storeClientPort", "etcd")])
        {
            var port = _lab.Port(2, name);
            using (var other = new TcpListener(IPAddress.Loopback, port))
            {
                other.Start();

                var sentence = await Shell.RefusedAsync(_lab.Path, "lab", "restart", "node2");

                sentence.ShouldContain($"127.0.0.1:{port} for {use}");
                sentence.ShouldContain("another program listens there");
                _lab.Processes(2).ShouldBeEmpty();
            }
        }

        await Shell.RunAsync(_lab.Path, "lab", "restart", "node2");
        await Shell.UntilAsync(async () =>
        {
            var states = (await Shell.JsonAsync(_lab.Path, "volume", "state")).EnumerateArray()
                .Select(state => $"{state.GetProperty("node")} {state.GetProperty("state")} {state.GetProperty("reason")}").ToArray();
            return states.Count(state => state.Contains("Direct", StringComparison.Ordinal)) == 2 ? null : string.Join(", ", states);
        });
    }
}
