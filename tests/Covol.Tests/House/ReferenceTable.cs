using System.Xml.Linq;
using Shouldly;
using Xunit;

namespace Covol.Tests.House;

/// <summary>Which project may see which: the table of docs/ARCHITECTURE.md, kept.</summary>
public sealed class ReferenceTable
{
    private static readonly Dictionary<string, string[]> s_allowed = new()
    {
        ["Protocol"] = [],
        ["Ring"] = [],
        ["Api"] = [],
        ["Fuse"] = ["Ring"],
        ["Transport"] = ["Protocol"],
        ["Lun"] = ["Ring", "Protocol"],
        ["Ntfs"] = ["Lun", "Protocol"],
        ["Coordinator"] = ["Ntfs", "Lun", "Transport", "Protocol"],
        ["VolumeClient"] = ["Ring", "Lun", "Transport", "Protocol"],
        ["Mount"] = ["Fuse", "VolumeClient", "Ring", "Lun", "Transport", "Protocol"],
        ["Cluster"] = ["Transport", "Protocol"],
        ["VirtualMachines"] = ["Cluster", "Protocol"],
        ["Node"] = ["Cluster", "VirtualMachines", "Transport", "Api", "Protocol"],
        ["Daemon"] =
        [
            "Node", "Mount", "Coordinator", "Fuse", "VolumeClient", "Ntfs", "Lun", "Ring", "Cluster", "VirtualMachines",
            "Transport", "Api", "Protocol",
        ],
        ["Simulation"] = ["Coordinator", "VolumeClient", "Ntfs", "Lun", "Transport", "Protocol"],
        ["Growth"] = ["Coordinator", "VolumeClient", "Ntfs", "Lun", "Transport", "Protocol"],
        ["Lab"] = ["Api"],
        ["Cli"] = ["Api", "Lab"],
    };

    public static TheoryData<string> Projects => new(
        Repository.Files("src", "*.csproj").Select(file => Path.GetFileNameWithoutExtension(file)["Covol.".Length..]));

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_project_sees_only_what_the_table_allows(string project)
    {
        s_allowed.ShouldContainKey(project);
        var file = Path.Combine(Repository.Root, "src", $"Covol.{project}", $"Covol.{project}.csproj");

        var seen = XDocument.Load(file).Descendants("ProjectReference")
            .Select(reference => Path.GetFileNameWithoutExtension((string?)reference.Attribute("Include"))!["Covol.".Length..]);

        seen.Except(s_allowed[project]).ShouldBeEmpty();
    }

    [Fact]
    public void Every_project_says_what_it_owns()
    {
        var silent = Repository.Files("src", "*.csproj")
            .Where(file => !File.Exists(Path.Combine(Path.GetDirectoryName(file)!, "README.md")));

        silent.ShouldBeEmpty();
    }
}
