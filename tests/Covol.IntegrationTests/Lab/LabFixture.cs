using System.Globalization;
using Covol.Api;
using Covol.Api.Contracts;
using Covol.IntegrationTests.Support;
using Covol.Lab;
using Covol.Lun;
using Covol.Ntfs;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;

namespace Covol.IntegrationTests.Lab;

/// <summary>
/// One lab of three nodes for all tests of the collection, which may break it: each begins with <see cref="MendAsync"/>. Taken down at the
/// end, whatever happened; then nothing of it may be left.
/// </summary>
public sealed class LabFixture : IAsyncLifetime
{
    public const string VolumeName = LabUp.VolumeName;
    private const string Prefix = "covol-lab-";

    /// <summary>What every test of the collection needs.</summary>
    public static readonly string[] Needs = [Machine.Root, Machine.Fuse, "etcd", "fio", "qemu-img", "mkntfs"];

    public static readonly int[] Nodes = [1, 2, 3];

    private LabDirectory? _lab;

    public string Directory { get; } = $"/tmp/{Prefix}{Environment.ProcessId}";

    internal LabDirectory Lab => _lab ??= new LabDirectory(Directory);

    internal LabFaults Faults => new(Lab, TimeProvider.System);

    internal static IReadOnlyList<string> Daemon => ["dotnet", CovolCommand.Program("Covol.Daemon", "covold.dll")];

    public string Volume(int node) => $"{Directory}/node{node}/ClusterStorage/{VolumeName}";

    public async Task InitializeAsync()
    {
        if (Needs.All(need => Machine.Missing(need) is null))
        {
            await SweepAsync();
            await CovolCommand.RunAsync(Directory, "lab", "up", "--size", "2G");
        }
    }

    public async Task DisposeAsync()
    {
        if (!Lab.Exists)
        {
            return;
        }

        try
        {
            await new LabDown(Lab, TimeProvider.System).RunAsync(removeFiles: false, CancellationToken.None);
            await CheckLunAsync();
        }
        finally
        {
            await new LabDown(Lab, TimeProvider.System).RunAsync(removeFiles: true, CancellationToken.None);
        }

        LabLeftovers.Processes(Directory).ShouldBeEmpty("A lab that is down has no process.");
        LabLeftovers.Mounts(Directory).ShouldBeEmpty("A lab that is down has no mount.");
        System.IO.Directory.Exists(Directory).ShouldBeFalse("A lab that is down leaves no files.");
    }

    internal NodeClient Client(int node) => NodeClient.OverUnixSocket(Lab.ApiSocket(node), TimeSpan.FromMinutes(2));

    /// <summary>All nodes run and reach the volume directly, under one epoch and one coordinator.</summary>
    internal async Task MendAsync()
    {
        foreach (var node in Nodes)
        {
            if (!LabLeftovers.Processes(Lab.Node(node)).Any(process => process.Contains(" node --config ", StringComparison.Ordinal)))
            {
                await Faults.KillNodeAsync(node, CancellationToken.None);
                await Faults.RestartAsync(node, Daemon, CancellationToken.None);
            }
        }

        await HealthyAsync();
    }

    internal async Task HealthyAsync()
    {
        IReadOnlyList<VolumeStateView> seen = [];
        await Until.TrueAsync(
            "every node reaches the volume directly",
            async () =>
            {
                using var client = Client(1);
                seen = await AnswerAsync(() => client.GetVolumeStatesAsync(CancellationToken.None)) ?? [];
                return seen.Count == Nodes.Length && seen.All(state => state.State == "Direct")
                    && seen.Select(state => (state.Coordinator, state.Epoch)).Distinct().Count() == 1;
            },
            () => string.Join("; ", seen.Select(state => $"{state.Node}: {state.State} {state.Epoch} {state.Reason}")));
    }

    /// <summary>Who coordinates, as a survivor sees it.</summary>
    internal async Task<VolumeView> CoordinatedByAsync(int asked)
    {
        using var client = Client(asked);
        return (await client.GetVolumesAsync(CancellationToken.None)).Single();
    }

    /// <summary>Null: the node does not answer (yet).</summary>
    internal static async Task<T?> AnswerAsync<T>(Func<Task<T>> ask)
        where T : class
    {
        try
        {
            return await ask();
        }
        catch (NodeApiException)
        {
            return null;
        }
    }

    /// <summary>Ends all nodes in order, has the volume checked from outside, and starts the nodes again over the same files.</summary>
    internal async Task CheckOfflineAsync()
    {
        var lab = Lab.Read();
        await new LabDown(Lab, TimeProvider.System).RunAsync(removeFiles: false, CancellationToken.None);
        await CheckLunAsync();
        Lab.Write(lab);
        await CovolCommand.RunAsync(Directory, "lab", "up");
        await HealthyAsync();
    }

    private async Task CheckLunAsync()
    {
        using (var lun = FileLun.Open(Lab.Lun, NullLogger.Instance))
        {
            // Who ends in order leaves nothing in the journal, of which the programs below know nothing.
            var report = VolumeChecker.CheckAtRest(lun);
            report.Findings.ShouldBeEmpty();
            report.ReplayedPages.ShouldBe(0);
        }

        (string Program, string[] Arguments)[] checks = [("ntfsfix", ["-n", Lab.Lun]), ("ntfsresize", ["-i", "-f", "-P", Lab.Lun])];
        foreach (var (program, arguments) in checks)
        {
            var (status, output, error) = await CovolCommand.ProgramAsync(program, arguments);
            status.ShouldBe(0, output + error);
        }
    }

    /// <summary>Ends what a test run that was killed left behind.</summary>
    private static async Task SweepAsync()
    {
        foreach (var folder in System.IO.Directory.EnumerateDirectories("/tmp", $"{Prefix}*"))
        {
            if (int.TryParse(Path.GetFileName(folder)[Prefix.Length..], CultureInfo.InvariantCulture, out var process)
                && !System.IO.Directory.Exists($"/proc/{process}"))
            {
                await new LabDown(new LabDirectory(folder), TimeProvider.System).RunAsync(removeFiles: true, CancellationToken.None);
            }
        }
    }
}

/// <summary>Labs of real processes want the machine for themselves.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class LabCollection : ICollectionFixture<LabFixture>
{
    public const string Name = "lab";
}
