using Covol.IntegrationTests.Support;
using Covol.Lab;
using Covol.Lab.Bench;
using Shouldly;
using Xunit;

namespace Covol.IntegrationTests.Lab;

/// <summary>
/// Every workload of <c>covol bench</c>, for a moment: each checks by itself that it did what it says, and throws where it did not. How fast is
/// no question here.
/// </summary>
[Collection(LabCollection.Name)]
public sealed class BenchWorkloads
{
    private const int TreeFiles = 220;
    private static readonly string[] s_single = ["raw", "coordinator", "node"];
    private static readonly string[] s_both = ["raw", "node", "two-nodes"];
    private readonly LabFixture _lab;

    public BenchWorkloads(LabFixture lab) => _lab = lab;

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "fio", "qemu-img", "mkntfs")]
    public async Task Requests_of_two_nodes_at_once_are_measured_against_one_node_and_the_raw_file() =>
        await RunAsync(s_both, "two-nodes-4k-randread", "two-nodes-4k-randwrite");

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "fio", "qemu-img", "mkntfs")]
    public async Task Names_are_made_in_one_directory_in_many_and_on_two_nodes_at_once()
    {
        await RunAsync(s_single, "create-write-delete-32");
        await RunAsync(s_both, "two-nodes-create");
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "fio", "qemu-img", "mkntfs")]
    public async Task Requests_and_new_files_of_one_node_are_measured() =>
        await RunAsync(s_single, "4k-mixed70", "first-write-1m", "stat");

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "fio", "qemu-img", "mkntfs")]
    public async Task A_tree_is_unpacked_listed_by_a_node_that_has_not_seen_it_and_removed() => await RunAsync(s_single, "tree");

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "fio", "qemu-img", "mkntfs")]
    public async Task A_name_that_no_workload_has_is_refused_with_those_there_are()
    {
        var bench = new BenchRun(_lab.Lab, BenchSizes.Default, _ => { });

        var refusal = await Should.ThrowAsync<LabException>(() => bench.RunAsync("test", withPeers: false, ["sort"], CancellationToken.None));

        refusal.Message.ShouldContain("two-nodes-create-write-delete");
        refusal.Message.ShouldContain("tree-untar");
    }

    private async Task RunAsync(IReadOnlyList<string> targets, params string[] only)
    {
        await _lab.MendAsync();
        var bench = new BenchRun(_lab.Lab, new BenchSizes(Rounds: 1, Seconds: 1, FileBytes: 32 << 20, TreeFiles), _ => { });

        var report = await bench.RunAsync("test", withPeers: false, only, CancellationToken.None);

        var wanted = BenchRun.Workloads.Where(name => only.Any(start => name.StartsWith(start, StringComparison.Ordinal)));
        report.Results.Select(result => (result.Workload, result.Target))
            .ShouldBe(wanted.SelectMany(name => targets.Select(target => (name, target))));
        report.Results.ShouldAllBe(result => result.PerSecond > 0 && result.Ratio > 0);
        report.Results.ShouldAllBe(result => result.ProcessorUs == null == (result.Target == "raw"));
        foreach (var node in LabFixture.Nodes)
        {
            Directory.EnumerateFileSystemEntries(_lab.Volume(node), "covol-bench*").ShouldBeEmpty("A measurement leaves nothing behind.");
        }

        Directory.EnumerateFileSystemEntries(_lab.Directory, "bench*").ShouldBeEmpty();
    }
}
