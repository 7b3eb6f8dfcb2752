using System.Diagnostics;
using Covol.Lab.Guest;
using Covol.Protocol.Units;
using Covol.VirtualMachines;
using Covol.VirtualMachines.Disks;
using Covol.VirtualMachines.Migration;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;

namespace Covol.IntegrationTests.VirtualMachines;

/// <summary>The test guest on a fixed VHD in a folder of its own; everything is gone at the end, processes too.</summary>
internal sealed class GuestMachine : IAsyncDisposable
{
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private readonly string _folder = Directory.CreateTempSubdirectory("covol-vm-").FullName;
    private readonly List<VirtualMachineProcess> _processes = [];
    private readonly HostSettings _host;

    private GuestMachine(GuestImage image, QemuUser? user)
    {
        // The user that QEMU runs as must be able to walk to its disks and sockets.
        if (OperatingSystem.IsLinux())
        {
            File.SetUnixFileMode(_folder, (UnixFileMode)0b111_101_101);
        }

        _host = HostSettings.Detect(Path.Combine(_folder, "run"), Path.Combine(_folder, "log")) with { User = user };
        var disk = (DiskProbe.Usable)DiskImage.Probe(MakeDisk(Disk));
        disk.Format.ShouldBe(DiskFormat.FixedVhd);
        Definition = new VirtualMachineDefinition(
            "guest", Guid.Parse("6f1c2f0e-8a57-4d2d-9d25-2f4b6c1d7a90"), ByteCount.FromMebibytes(128), 1,
            [new DiskImage(Disk, disk.Format, disk.VirtualSize)],
            new DirectKernel(image.Kernel, image.InitialRamDisk, GuestImage.Append()));
    }

    public string Disk => Path.Combine(_folder, "disk.vhd");

    public VirtualMachineDefinition Definition { get; init; }

    public GuestTicks Ticks { get; } = new();

    public static async Task<GuestMachine> CreateAsync(QemuUser? user = null) => new(await GuestImageCache.GetAsync(), user);

    public VirtualMachinePlaces Places(string name) => new(_host.RunFolder, _host.LogFolder, name);

    public async Task<VirtualMachineProcess> StartAsync(string name, bool incoming)
    {
        var process = await VirtualMachineProcess.StartAsync(
            Definition, _host, Places(name), incoming, TimeProvider.System, NullLogger.Instance, CancellationToken.None);
        _processes.Add(process);
        return process;
    }

    /// <summary>A destination on this machine, not yet started.</summary>
    public LocalMigrationDestination Destination(string name) =>
        new(_ => StartAsync(name, incoming: true), "tcp:127.0.0.1:0", TimeProvider.System);

    /// <summary>The process that <see cref="StartAsync"/> left behind when its object was disposed.</summary>
    public async Task<VirtualMachineProcess?> AdoptAsync(string name)
    {
        var process = await VirtualMachineProcess.AdoptAsync(
            Places(name), TimeProvider.System, NullLogger.Instance, CancellationToken.None);
        if (process is not null)
        {
            _processes.Add(process);
        }

        return process;
    }

    /// <summary>Feeds <see cref="Ticks"/> from the console until <paramref name="enough"/>, or fails at the deadline.</summary>
    public async Task ReadUntilAsync(VirtualMachineProcess process, Func<GuestTicks, bool> enough)
    {
        using var limit = new CancellationTokenSource(Deadline);
        try
        {
            while (!enough(Ticks))
            {
                var line = await process.Console.Lines.ReadAsync(limit.Token);
                Ticks.Take(line.At, line.Text);
                Ticks.FatalReason.ShouldBeNull();
            }
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException(
                $"The guest came to write {Ticks.LastSequence} within {Deadline.TotalSeconds} s. Its console: "
                + string.Join('\n', File.ReadLines(process.Places.ConsoleLog).TakeLast(20)));
        }
    }

    /// <summary>Takes what is left on a console whose machine is off.</summary>
    public void ReadRest(VirtualMachineProcess process)
    {
        while (process.Console.Lines.TryRead(out var line))
        {
            Ticks.Take(line.At, line.Text);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _processes)
        {
            if (!process.Ended.IsCompleted)
            {
                await process.KillAsync(CancellationToken.None).WaitAsync(Deadline);
            }

            await process.DisposeAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }

    private static string MakeDisk(string path)
    {
        using var creation = Process.Start(
            "qemu-img", ["create", "-q", "-f", "vpc", "-o", "subformat=fixed,force_size=on", path, "32M"]);
        creation.WaitForExit(Deadline).ShouldBeTrue();
        creation.ExitCode.ShouldBe(0);
        return path;
    }
}
