using System.Text;

namespace Covol.VirtualMachines;

/// <summary>Where one virtual machine's sockets and files are on a host. An incoming copy has places of its own, because source
/// and
/// destination may share a host.</summary>
public sealed record VirtualMachinePlaces(string RunFolder, string LogFolder, string Name)
{
    /// <summary>sun_path of unix(7), without the closing zero.</summary>
    public const int SocketPathBytesMax = 107;

    public string Monitor => Path.Combine(RunFolder, Name, "qmp");

    public string Console => Path.Combine(RunFolder, Name, "console");

    public string ProcessIdFile => Path.Combine(RunFolder, Name, "pid");

    /// <summary>Everything the guest wrote to its serial console, across restarts.</summary>
    public string ConsoleLog => Path.Combine(LogFolder, $"{Name}.console.log");

    /// <summary>What QEMU itself has to say.</summary>
    public string QemuLog => Path.Combine(LogFolder, $"{Name}.qemu.log");

    public string Folder => Path.Combine(RunFolder, Name);

    /// <summary>Null, or the sentence that says why sockets cannot be made here.</summary>
    public string? WhatIsWrong() =>
        Encoding.UTF8.GetByteCount(Console) > SocketPathBytesMax
            ? $"The path {Console} is longer than {SocketPathBytesMax} bytes, which no Unix socket may be: set a shorter run folder."
            : null;
}
