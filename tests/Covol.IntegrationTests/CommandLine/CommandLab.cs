using System.Text.Json;
using Covol.IntegrationTests.Support;
using Xunit;

namespace Covol.IntegrationTests.CommandLine;

/// <summary>One lab of two nodes for the tests of the command line. Taken down at the end, whatever happened.</summary>
public sealed class CommandLab : IAsyncLifetime
{
    private static readonly string[] s_needs = [Machine.Root, Machine.Fuse, "etcd", "mkntfs"];

    public string Path { get; } = $"/tmp/covol-cli-{Environment.ProcessId}";

    /// <summary>Beside the lab, for LUNs and copies.</summary>
    public string Scratch => $"{Path}-scratch";

    public string OnNode(int node, string volume) => $"{Path}/node{node}/ClusterStorage/{volume}";

    public async Task InitializeAsync()
    {
        if (s_needs.All(need => Machine.Missing(need) is null))
        {
            Directory.CreateDirectory(Scratch);
            await Shell.RunAsync(Path, "lab", "up", "--nodes", "2", "--size", "512M");
        }
    }

    public async Task DisposeAsync()
    {
        if (File.Exists($"{Path}/lab.json"))
        {
            await Shell.RunAsync(Path, "lab", "down");
        }

        if (Directory.Exists(Scratch))
        {
            Directory.Delete(Scratch, recursive: true);
        }
    }

    /// <summary>A new sparse file to be a LUN.</summary>
    public string NewLun(string name, long bytes)
    {
        using var file = new FileStream($"{Scratch}/{name}", FileMode.CreateNew);
        file.SetLength(bytes);
        return file.Name;
    }

    public async Task<string[]> VolumesAsync() =>
        [.. (await Shell.JsonAsync(Path, "volume", "list")).EnumerateArray().Select(volume => volume.GetProperty("volume").GetString()!)];

    public async Task<string[]> MachinesAsync() =>
        [.. (await Shell.JsonAsync(Path, "vm", "list")).EnumerateArray().Select(machine => machine.GetProperty("name").GetString()!)];

    /// <summary>A port of a node, by its name in the node's configuration.</summary>
    public int Port(int node, string name)
    {
        using var configuration = JsonDocument.Parse(File.ReadAllText($"{Path}/node{node}/etc/covol.json"));
        return configuration.RootElement.GetProperty("members").EnumerateArray()
            .First(member => member.GetProperty("node").GetInt32() == node).GetProperty(name).GetInt32();
    }

    /// <summary>Command lines of the processes that a node of this lab started.</summary>
    public IReadOnlyList<string> Processes(int node)
    {
        var marker = $"COVOL_NODE_DIRECTORY={Path}/node{node}";
        return
        [
            .. Directory.EnumerateDirectories("/proc").Where(folder => int.TryParse(System.IO.Path.GetFileName(folder), out _))
                .Where(folder => Words($"{folder}/environ").Contains(marker)).Select(folder => string.Join(' ', Words($"{folder}/cmdline")))
                .Where(words => words.Length > 0),
        ];
    }

    private static string[] Words(string file)
    {
        try
        {
            return File.ReadAllText(file).Split('\0');
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // It ended while we looked.
            return [];
        }
    }
}

[CollectionDefinition(Name)]
public sealed class CommandLabCollection : ICollectionFixture<CommandLab>
{
    public const string Name = "command line";
}
