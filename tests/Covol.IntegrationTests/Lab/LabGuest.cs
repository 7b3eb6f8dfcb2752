using Covol.Api;
using Covol.Api.Contracts;
using Covol.IntegrationTests.VirtualMachines;
using Covol.Lab.Guest;
using Shouldly;

namespace Covol.IntegrationTests.Lab;

/// <summary>A virtual machine of the lab whose disk is a fixed VHD on the volume; it writes checked blocks all the time.</summary>
internal sealed class LabGuest : IAsyncDisposable
{
    private readonly LabFixture _lab;
    private readonly string _name;

    private LabGuest(LabFixture lab, string name)
    {
        _lab = lab;
        _name = name;
    }

    private string Disk => $"{_name}.vhd";

    /// <summary>Makes disk and machine, starts it, and waits until it writes.</summary>
    public static async Task<LabGuest> StartAsync(LabFixture lab, string name, int node)
    {
        var image = await GuestImageCache.GetAsync();
        var guest = new LabGuest(lab, name);
        var (made, _, why) = await CovolCommand.ProgramAsync(
            "qemu-img", ["create", "-f", "vpc", "-o", "subformat=fixed,force_size=on", $"{lab.Volume(node)}/{guest.Disk}", "32M"]);
        made.ShouldBe(0, why);
        using var client = lab.Client(node);
        await client.CreateVirtualMachineAsync(
            new VirtualMachineDefinition(
                name, 131_080L << 10, 1, [$"{LabFixture.VolumeName}/{guest.Disk}"], image.Kernel, image.InitialRamDisk, GuestImage.Append()),
            CancellationToken.None);
        await client.StartVirtualMachineAsync(name, $"node{node}", CancellationToken.None);
        await guest.WriteOnAsync(20);
        return guest;
    }

    /// <summary>What it said on all consoles so far, in the order of the nodes.</summary>
    public GuestTicks Ticks()
    {
        var ticks = new GuestTicks();
        foreach (var log in LabFixture.Nodes.Select(node => $"{_lab.Lab.Node(node)}/log/{_name}.console.log").Where(File.Exists))
        {
            using var reader = new StreamReader(new FileStream(log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
            while (reader.ReadLine() is { } line)
            {
                ticks.Take(DateTimeOffset.UnixEpoch, line);
            }
        }

        return ticks;
    }

    /// <summary>Waits for so many more writes.</summary>
    public async Task WriteOnAsync(int more)
    {
        var from = Ticks().LastSequence;
        await Until.TrueAsync(
            $"{_name} has made {more} more writes",
            () => Ticks().LastSequence >= from + more,
            () => $"It came from {from} to {Ticks().LastSequence}; {Ticks().FatalReason}");
    }

    public async Task<VirtualMachineView> ViewAsync(int node)
    {
        using var client = _lab.Client(node);
        return await client.GetVirtualMachineAsync(_name, CancellationToken.None);
    }

    public async Task<MigrationView> MigrateAsync(int asked, int to)
    {
        using var client = _lab.Client(asked);
        return await client.MigrateAsync(_name, $"node{to}", CancellationToken.None);
    }

    /// <summary>Living QEMUs of this machine.</summary>
    public IReadOnlyList<string> Processes() =>
        [.. LabLeftovers.Processes(_lab.Directory).Where(process => process.Contains("qemu-system", StringComparison.Ordinal)
            && process.Contains($"/vm/{_name}/", StringComparison.Ordinal))];

    public async Task StopAsync(int asked)
    {
        using var client = _lab.Client(asked);
        await client.StopVirtualMachineAsync(_name, force: false, CancellationToken.None);
    }

    public async Task StartAgainAsync(int node)
    {
        using var client = _lab.Client(node);
        await client.StartVirtualMachineAsync(_name, $"node{node}", CancellationToken.None);
    }

    /// <summary>The machine is off: everything it was told to be written is on its disk, as a node sees it.</summary>
    public async Task VerifyAsync(int node)
    {
        var ticks = Ticks();
        ticks.IoErrors.ShouldBe(0);
        var report = await GuestDiskVerifier.VerifyAsync(DiskOn(node), GuestImage.DefaultBlocks, CancellationToken.None);
        report.IsClean.ShouldBeTrue(report.ToString());
        report.HighestSequence.ShouldBeGreaterThanOrEqualTo(ticks.LastSequence);
    }

    /// <summary>Nothing of it is left but its disk and its logs: no QEMU, no socket, no lock.</summary>
    public async Task LeavesNothingAsync(int node)
    {
        Processes().ShouldBeEmpty();
        LabFixture.Nodes.Select(each => $"{_lab.Lab.Node(each)}/run/vm/{_name}").Where(Directory.Exists).ShouldBeEmpty();
        using var successor = new HeldImage(DiskOn(node));
        await successor.OpenedAsync();
    }

    public string DiskOn(int node) => $"{_lab.Volume(node)}/{Disk}";

    /// <summary>Ended and removed, whatever became of it, so that the next test finds the volume without it.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var node in LabFixture.Nodes)
        {
            using var client = _lab.Client(node);
            try
            {
                if ((await client.GetVirtualMachineAsync(_name, CancellationToken.None)).State is not ("Stopped" or "Failed"))
                {
                    await client.StopVirtualMachineAsync(_name, force: true, CancellationToken.None);
                }

                await client.RemoveVirtualMachineAsync(_name, CancellationToken.None);
                File.Delete(DiskOn(node));
                return;
            }
            catch (NodeApiException)
            {
                // The test killed this node; another one knows the machine too.
            }
        }
    }
}
