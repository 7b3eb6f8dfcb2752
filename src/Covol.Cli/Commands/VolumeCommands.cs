using System.CommandLine;
using Covol.Api;
using Covol.Api.Contracts;

namespace Covol.Cli.Commands;

internal static class VolumeCommands
{
    private static readonly Argument<string> s_name = new("NAME") { Description = "The volume's name." };

    public static Command Build() => new("volume", "Cluster shared volumes.")
    {
        BuildList(), BuildState(), BuildAdd(), BuildRemove(), BuildMove(), VolumeCheckCommand.Build(),
    };

    internal static void Show(IReadOnlyList<VolumeView> volumes) => Table.Write(
        Console.Out,
        volumes,
        ("Volume", volume => volume.Volume),
        ("State", volume => volume.State),
        ("Coordinator", volume => volume.Coordinator),
        ("Epoch", volume => $"{volume.Epoch}"),
        ("LUN", volume => volume.Lun),
        ("Reason", volume => volume.Reason));

    private static Command BuildList() => new Command("list", "All volumes.").Asks(async (client, parsed, cancellation) =>
    {
        var volumes = await client.GetVolumesAsync(cancellation);
        Common.Answer(parsed, volumes, ApiJson.Indented.IReadOnlyListVolumeView, () => Show(volumes));
    });

    private static Command BuildState() => new Command("state", "How each node reaches each volume, and why.").Asks(
        async (client, parsed, cancellation) =>
        {
            var states = await client.GetVolumeStatesAsync(cancellation);
            Common.Answer(parsed, states, ApiJson.Indented.IReadOnlyListVolumeStateView, () => Show(states));
        });

    private static Command BuildAdd()
    {
        var lun = new Option<string>("--lun")
        {
            Description = "The LUN: file:/path or block:/dev/path. Without --format the NTFS volume on it is taken over with its files.",
            Required = true,
            HelpName = "URI",
        };
        var format = new Option<bool>("--format") { Description = "Make a new NTFS volume on an empty LUN." };
        var force = new Option<bool>("--force") { Description = "With --format: also where the LUN holds something; that is lost." };
        var gpt = new Option<bool>("--gpt") { Description = "With --format: in a partition of a new GPT, where tools look for one." };
        var noFencing = new Option<bool>("--no-fencing")
        {
            Description = "With block: only: take a LUN without reservations, on which no node can be fenced.",
        };
        return new Command("add", "Adds a volume and puts it online.") { s_name, lun, format, force, gpt, noFencing }.Asks(
            async (client, parsed, cancellation) =>
            {
                var order = new AddVolume(
                    parsed.GetRequiredValue(s_name),
                    parsed.GetRequiredValue(lun),
                    parsed.GetValue(format),
                    parsed.GetValue(force),
                    parsed.GetValue(noFencing),
                    parsed.GetValue(gpt));
                var volume = await Progress.Standard.WhileAsync(
                    $"{(order.Format ? "formatting" : "taking over")} {order.Lun} and adding it as {order.Volume}",
                    client.AddVolumeAsync(order, cancellation));
                Report(parsed, volume, $"{volume.Volume} is online; {volume.Coordinator} coordinates it.");
            });
    }

    private static Command BuildRemove()
    {
        var force = new Option<bool>("--force") { Description = "Also while files are open or machines run from it." };
        return new Command("remove", "Takes a volume offline everywhere and releases its LUN; the files stay on it.") { s_name, force }.Asks(
            async (client, parsed, cancellation) =>
            {
                var name = parsed.GetRequiredValue(s_name);
                await Progress.Standard.WhileAsync(
                    $"releasing {name} everywhere", client.RemoveVolumeAsync(name, parsed.GetValue(force), cancellation));
                Common.Done(parsed, name, "Removed", $"{name} is removed; its LUN holds a plain NTFS volume with all files.");
            });
    }

    private static Command BuildMove()
    {
        var to = new Option<string>("--to") { Description = "The node that shall coordinate it.", Required = true, HelpName = "NODE" };
        return new Command("move", "Makes another node the coordinator.") { s_name, to }.Asks(async (client, parsed, cancellation) =>
        {
            var name = parsed.GetRequiredValue(s_name);
            var target = parsed.GetRequiredValue(to);
            var volume = await Progress.Standard.WhileAsync($"moving {name} to {target}", client.MoveVolumeAsync(name, target, cancellation));
            Report(parsed, volume, $"{volume.Coordinator} coordinates {volume.Volume} (epoch {volume.Epoch}).");
        });
    }

    private static void Show(IReadOnlyList<VolumeStateView> states) => Table.Write(
        Console.Out,
        states,
        ("Volume", state => state.Volume),
        ("Node", state => state.Node),
        ("State", state => state.State),
        ("Coordinator", state => state.Coordinator),
        ("Epoch", state => $"{state.Epoch}"),
        ("Direct", state => ByteSize.Show(state.DirectBytes)),
        ("Redirected", state => ByteSize.Show(state.RedirectedBytes)),
        ("Reason", state => state.Reason));

    private static void Report(ParseResult parsed, VolumeView volume, string sentence) =>
        Common.Answer(parsed, volume, ApiJson.Indented.VolumeView, () => Console.WriteLine(sentence));
}
