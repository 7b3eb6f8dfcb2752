using System.CommandLine;
using Covol.Api;
using Covol.Api.Contracts;

namespace Covol.Cli.Commands;

internal static class VirtualMachineCommands
{
    private static readonly Argument<string> s_name = new("NAME") { Description = "The virtual machine's name." };

    public static Command Build() => new("vm", "Virtual machines.")
    {
        BuildList(), BuildShow(), BuildCreate(), BuildStart(), BuildStop(), BuildRemove(), BuildMigrate(),
    };

    private static Command BuildList() => new Command("list", "All virtual machines.").Asks(async (client, parsed, cancellation) =>
    {
        var machines = await client.GetVirtualMachinesAsync(cancellation);
        Common.Answer(parsed, machines, ApiJson.Indented.IReadOnlyListVirtualMachineView, () => Show(machines));
    });

    private static Command BuildShow() => new Command("show", "One virtual machine.") { s_name }.Asks(async (client, parsed, cancellation) =>
        Report(parsed, await client.GetVirtualMachineAsync(parsed.GetRequiredValue(s_name), cancellation)));

    private static Command BuildCreate()
    {
        var memory = new Option<string>("--memory") { Description = "Guest memory, e.g. 2G.", Required = true, HelpName = "SIZE" };
        var cpus = new Option<int>("--cpus") { Description = "Virtual processors.", DefaultValueFactory = _ => 1, HelpName = "N" };
        var disk = new Option<string[]>("--disk")
        {
            Description = "A disk below /ClusterStorage, e.g. Volume1/x.vhd. May be given several times.",
            Required = true,
            HelpName = "PATH",
            AllowMultipleArgumentsPerToken = true,
        };
        var kernel = new Option<string?>("--kernel") { Description = "A kernel to boot directly.", HelpName = "FILE" };
        var initrd = new Option<string?>("--initrd") { Description = "Its initial RAM disk.", HelpName = "FILE" };
        var append = new Option<string?>("--append") { Description = "Its command line.", HelpName = "TEXT" };
        return new Command("create", "Defines a virtual machine; it does not run yet.") { s_name, memory, cpus, disk, kernel, initrd, append }.Asks(
            async (client, parsed, cancellation) => Report(
                parsed,
                await client.CreateVirtualMachineAsync(
                    new VirtualMachineDefinition(
                        parsed.GetRequiredValue(s_name),
                        ByteSize.Parse(parsed.GetRequiredValue(memory)),
                        parsed.GetValue(cpus),
                        parsed.GetRequiredValue(disk),
                        Full(parsed.GetValue(kernel)),
                        Full(parsed.GetValue(initrd)),
                        parsed.GetValue(append)),
                    cancellation)));
    }

    private static Command BuildStart()
    {
        var on = new Option<string?>("--on") { Description = "The node to run on (default: the one that is asked).", HelpName = "NODE" };
        return new Command("start", "Starts a virtual machine.") { s_name, on }.Asks(async (client, parsed, cancellation) =>
        {
            var name = parsed.GetRequiredValue(s_name);
            Report(
                parsed,
                await Progress.Standard.WhileAsync($"starting {name}", client.StartVirtualMachineAsync(name, parsed.GetValue(on), cancellation)));
        });
    }

    private static Command BuildStop()
    {
        var force = new Option<bool>("--force") { Description = "Do not wait for the guest." };
        return new Command("stop", "Shuts a virtual machine down.") { s_name, force }.Asks(async (client, parsed, cancellation) =>
        {
            var name = parsed.GetRequiredValue(s_name);
            await Progress.Standard.WhileAsync(
                $"waiting for {name} to shut down", client.StopVirtualMachineAsync(name, parsed.GetValue(force), cancellation));
            var machine = await client.GetVirtualMachineAsync(name, cancellation);
            Common.Answer(parsed, machine, ApiJson.Indented.VirtualMachineView, () => Console.WriteLine($"{name} is stopped."));
        });
    }

    private static Command BuildRemove() => new Command("remove", "Forgets a stopped virtual machine; its disks stay.") { s_name }.Asks(
        async (client, parsed, cancellation) =>
        {
            var name = parsed.GetRequiredValue(s_name);
            await client.RemoveVirtualMachineAsync(name, cancellation);
            Common.Done(parsed, name, "Removed", $"{name} is removed; its disks are where they were.");
        });

    private static Command BuildMigrate()
    {
        var to = new Option<string>("--to") { Description = "The node it shall run on.", Required = true, HelpName = "NODE" };
        return new Command("migrate", "Moves a running virtual machine to another node.") { s_name, to }.Asks(
            async (client, parsed, cancellation) =>
            {
                var name = parsed.GetRequiredValue(s_name);
                var target = parsed.GetRequiredValue(to);
                var migration = await Progress.Standard.WhileAsync(
                    $"moving {name} to {target}", client.MigrateAsync(name, target, cancellation));
                Common.Answer(parsed, migration, ApiJson.Indented.MigrationView, () => Console.WriteLine(
                    $"{name} runs on {migration.To}: {migration.TotalMs} ms in all, {migration.BlackoutMs} ms without a sign of life, "
                    + $"{migration.DowntimeMs} ms down by QEMU's count."));
            });
    }

    private static string? Full(string? path) => path is null ? null : Path.GetFullPath(path);

    private static void Report(ParseResult parsed, VirtualMachineView machine) =>
        Common.Answer(parsed, machine, ApiJson.Indented.VirtualMachineView, () => Show([machine]));

    private static void Show(IReadOnlyList<VirtualMachineView> machines) => Table.Write(
        Console.Out,
        machines,
        ("Name", machine => machine.Name),
        ("State", machine => machine.State),
        ("Node", machine => machine.Node),
        ("Memory", machine => ByteSize.Show(machine.MemoryBytes)),
        ("CPUs", machine => $"{machine.Cpus}"),
        ("Disks", machine => string.Join(",", machine.Disks)),
        ("Reason", machine => machine.Reason));
}
