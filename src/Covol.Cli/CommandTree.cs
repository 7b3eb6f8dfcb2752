using System.CommandLine;
using Covol.Cli.Commands;

namespace Covol.Cli;

/// <summary>All commands. Building it again gives a new tree; nothing runs.</summary>
internal static class CommandTree
{
    public static RootCommand Build() => new("Covol: cluster shared volumes for Linux and QEMU/KVM.")
    {
        Common.Node,
        Common.Output,
        ClusterCommands.Build(),
        NodeCommands.Build(),
        VolumeCommands.Build(),
        VirtualMachineCommands.Build(),
        DiskCommands.Build(),
        LabCommands.Build(),
        DemoCommand.Build(),
        BenchCommand.Build(),
        SimulateCommand.Build(),
        CompletionCommand.Build(),
    };
}
