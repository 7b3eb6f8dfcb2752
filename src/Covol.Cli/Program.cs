using System.CommandLine;
using Covol.Cli.Commands;

var root = new RootCommand("Covol: cluster shared volumes for Linux and QEMU/KVM.");
root.Options.Add(Common.Node);
root.Options.Add(Common.Output);
root.Subcommands.Add(ClusterCommands.Build());
root.Subcommands.Add(NodeCommands.Build());
root.Subcommands.Add(VolumeCommands.Build());
root.Subcommands.Add(VirtualMachineCommands.Build());
root.Subcommands.Add(DiskCommands.Build());
root.Subcommands.Add(LabCommands.Build());
root.Subcommands.Add(DemoCommand.Build());
root.Subcommands.Add(BenchCommand.Build());
root.Subcommands.Add(SimulateCommand.Build());
return await root.Parse(args).InvokeAsync();
