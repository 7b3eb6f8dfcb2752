using System.CommandLine;
using Covol.Api;
using Covol.Api.Contracts;

namespace Covol.Cli.Commands;

internal static class NodeCommands
{
    public static Command Build()
    {
        var list = new Command("list", "The cluster's members.").Asks(async (client, parsed, cancellation) =>
        {
            var cluster = await client.GetClusterAsync(cancellation);
            Common.Answer(parsed, cluster.Nodes, ApiJson.Indented.IReadOnlyListNodeView, () => Show(cluster.Nodes));
        });
        return new Command("node", "Members of the cluster.") { list };
    }

    internal static void Show(IReadOnlyList<NodeView> nodes) => Table.Write(
        Console.Out,
        nodes,
        ("Node", node => node.Node),
        ("State", node => node.State),
        ("Address", node => node.Address),
        ("Coordinator of", node => string.Join(",", node.CoordinatorOf)),
        ("VMs", node => string.Join(",", node.VirtualMachines)),
        ("Reason", node => node.Reason));
}
