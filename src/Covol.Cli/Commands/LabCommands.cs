using System.CommandLine;
using Covol.Api;
using Covol.Cli.Contracts;
using Covol.Lab;

namespace Covol.Cli.Commands;

internal static class LabCommands
{
    private static readonly TimeSpan s_askLimit = TimeSpan.FromSeconds(5);

    private static readonly Argument<string> s_node = new("NODE") { Description = "A node, e.g. node2." };

    private static readonly Option<string?> s_folder = new("--dir")
    {
        Description = "Where the lab lives (default: COVOL_LAB, else ~/.covol/lab).",
        HelpName = "D",
        Recursive = true,
    };

    public static Command Build() => new("lab", "A whole cluster on this machine, to try and to break.")
    {
        s_folder, BuildUp(), BuildStatus(), BuildDown(), BuildKill(), BuildRestart(),
    };

    private static LabDirectory Lab(ParseResult parsed) => Common.Lab(parsed.GetValue(s_folder));

    private static Command BuildUp()
    {
        var nodes = new Option<int>("--nodes") { Description = "How many nodes.", DefaultValueFactory = _ => 3, HelpName = "N" };
        var size = new Option<string>("--size") { Description = "Size of the LUN.", DefaultValueFactory = _ => "8G", HelpName = "SIZE" };
        return new Command("up", "Starts it; returns when every node reads and writes the volume.") { nodes, size }.Runs(
            async (parsed, cancellation) =>
            {
                var lab = Lab(parsed);
                await new LabUp(lab, Common.Daemon(), TimeProvider.System, line => Console.Error.WriteLine(line)).RunAsync(
                    parsed.GetValue(nodes), ByteSize.Parse(parsed.GetRequiredValue(size)), cancellation);
                if (Common.Format(parsed) == OutputFormat.Json)
                {
                    Json.Write(Console.Out, await ViewAsync(lab, cancellation), CliJson.Indented.LabView);
                    return;
                }

                Console.WriteLine($"The lab is up. Each node's namespace: {lab.Path}/node<n>/ClusterStorage/{LabUp.VolumeName}");
            });
    }

    private static Command BuildStatus() => new Command("status", "How it is.").Runs(async (parsed, cancellation) =>
    {
        var view = await ViewAsync(Lab(parsed), cancellation);
        Common.Answer(parsed, view, CliJson.Indented.LabView, () => Table.Write(
            Console.Out,
            view.Nodes,
            ("Node", node => node.Node),
            ("State", node => node.State),
            ("Namespace", node => node.Namespace),
            ("Reason", node => node.Reason)));
    });

    private static async Task<LabView> ViewAsync(LabDirectory lab, CancellationToken cancellation)
    {
        var file = lab.Read();
        var nodes = await Task.WhenAll(file.Nodes.Select(node => ViewAsync(lab, node, cancellation)));
        return new LabView(lab.Path, file.Volume, file.Lun, nodes);
    }

    private static async Task<LabNodeView> ViewAsync(LabDirectory lab, int node, CancellationToken cancellation)
    {
        using var client = NodeClient.OverUnixSocket(lab.ApiSocket(node), s_askLimit, $"node{node}");
        try
        {
            var view = await client.GetNodeAsync(cancellation);
            return new LabNodeView(view.Node, view.State, view.Reason, lab.NamespaceRoot(node));
        }
        catch (NodeApiException failure)
        {
            return new LabNodeView($"node{node}", "Down", failure.Message, lab.NamespaceRoot(node));
        }
    }

    private static Command BuildDown()
    {
        var keep = new Option<bool>("--keep") { Description = "Keep the lab's files, the LUN and the logs among them." };
        return new Command("down", "Ends it and removes its files.") { keep }.Runs(async (parsed, cancellation) =>
        {
            var lab = Lab(parsed);
            if (!lab.Exists)
            {
                throw new LabException($"There is no lab in {lab.Path}.");
            }

            await Progress.Standard.WhileAsync(
                $"ending the lab in {lab.Path}",
                new LabDown(lab, TimeProvider.System).RunAsync(removeFiles: !parsed.GetValue(keep), cancellation));
            Common.Done(parsed, lab.Path, "Down", "The lab is down.");
        });
    }

    private static Command BuildKill()
    {
        var process = new Option<string>("--process")
        {
            Description = "all or coordinator.",
            DefaultValueFactory = _ => "all",
            HelpName = "all|coordinator",
        };
        process.AcceptOnlyFromAmong("all", "coordinator");
        return new Command("kill", "Kills a node's processes as a power cut would, or its coordinators only.") { s_node, process }.Runs(
            async (parsed, cancellation) =>
            {
                var lab = Lab(parsed);
                var node = lab.ParseNode(parsed.GetRequiredValue(s_node));
                var faults = new LabFaults(lab, TimeProvider.System);
                if (parsed.GetValue(process) == "all")
                {
                    await faults.KillNodeAsync(node, cancellation);
                    Common.Done(parsed, $"node{node}", "Killed", $"node{node} is killed.");
                    return;
                }

                var killed = faults.KillCoordinator(node);
                Common.Done(
                    parsed,
                    $"node{node}",
                    killed == 0 ? "NothingToKill" : "Killed",
                    killed == 0 ? $"node{node} coordinates no volume." : $"{killed} coordinator process(es) of node{node} killed.");
            });
    }

    private static Command BuildRestart() => new Command("restart", "Starts a killed node again.") { s_node }.Runs(async (parsed, cancellation) =>
    {
        var lab = Lab(parsed);
        var node = lab.ParseNode(parsed.GetRequiredValue(s_node));
        var up = await Progress.Standard.WhileAsync(
            $"starting node{node}", new LabFaults(lab, TimeProvider.System).RestartAsync(node, Common.Daemon(), cancellation));
        Common.Done(
            parsed,
            $"node{node}",
            up ? "Up" : "Waiting",
            up ? $"node{node} is up again." : $"node{node} is started and waits for others: more than half of the nodes must run.");
    });
}
