using Covol.IntegrationTests.Support;
using Xunit;

namespace Covol.IntegrationTests.Lab;

/// <summary>One lab of three nodes for all tests of the collection. Taken down at the end, whatever happened.</summary>
public sealed class LabFixture : IAsyncLifetime
{
    /// <summary>What every test of the collection needs.</summary>
    public static readonly string[] Needs = [Machine.Root, Machine.Fuse, "etcd", "fio", "qemu-img", "mkntfs"];

    public string Directory { get; } = $"/tmp/covol-lab-{Environment.ProcessId}";

    public string Volume(int node) => $"{Directory}/node{node}/ClusterStorage/Volume1";

    public async Task InitializeAsync()
    {
        if (Needs.All(need => Machine.Missing(need) is null))
        {
            await CovolCommand.RunAsync(Directory, "lab", "up", "--size", "2G");
        }
    }

    public async Task DisposeAsync()
    {
        if (File.Exists($"{Directory}/lab.json"))
        {
            await CovolCommand.RunAsync(Directory, "lab", "down");
        }
    }
}

[CollectionDefinition(Name)]
public sealed class LabCollection : ICollectionFixture<LabFixture>
{
    public const string Name = "lab";
}
