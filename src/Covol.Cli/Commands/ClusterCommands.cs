using System.CommandLine;
using Covol.Api;
using Covol.Api.Contracts;

namespace Covol.Cli.Commands;

internal static class ClusterCommands
{
    public static Command Build()
    {
        var status = new Command("status", "The cluster on one page.").Asks(async (client, parsed, cancellation) =>
        {
            var cluster = await client.GetClusterAsync(cancellation);
            Common.Answer(parsed, cluster, ApiJson.Indented.ClusterView, () => Show(cluster));
        });
        return new Command("cluster", "The whole cluster.") { status };
    }

    private static void Show(ClusterView cluster)
    {
        Console.WriteLine($"Cluster {cluster.Name}: {cluster.State}");
        foreach (var reason in cluster.Reasons)
        {
            Console.WriteLine($"  {reason}");
        }

        Console.WriteLine();
        NodeCommands.Show(cluster.Nodes);
        Console.WriteLine();
        VolumeCommands.Show(cluster.Volumes);
    }
}
