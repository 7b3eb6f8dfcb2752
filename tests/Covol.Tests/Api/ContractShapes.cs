using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Covol.Api;
using Covol.Api.Contracts;
using Shouldly;
using Xunit;

namespace Covol.Tests.Api;

/// <summary>
/// The names of the API's JSON, in order: programs depend on them. A name may be added here; one that goes or changes breaks somebody.
/// </summary>
public sealed class ContractShapes
{
    private static readonly Dictionary<Type, string> s_shapes = new()
    {
        [typeof(ClusterView)] = "name state reasons nodes volumes",
        [typeof(NodeView)] = "node state reason address version coordinatorOf virtualMachines",
        [typeof(VolumeView)] = "volume lun coordinator epoch state reason fencing",
        [typeof(DataPathView)] = "collections processorUs",
        [typeof(VolumeStateView)] = "volume node coordinator epoch state reason directBytes redirectedBytes dataPath",
        [typeof(VirtualMachineView)] = "name state reason node memoryBytes cpus disks consoleLog",
        [typeof(MigrationView)] = "from to totalMs downtimeMs blackoutMs",
        [typeof(VirtualMachineDefinition)] = "name memoryBytes cpus disks kernel initrd append",
        [typeof(AddVolume)] = "volume lun format force noFencing gpt",
        [typeof(CheckView)] = "volume lun isSound findings omitted skipped files directories bytesRead replayedPages milliseconds",
        [typeof(FindingView)] = "code where what advice",
        [typeof(MoveTo)] = "node",
        [typeof(StartOn)] = "node",
        [typeof(ErrorView)] = "error",
    };

    public static TheoryData<Type> Contracts => new(
        typeof(ErrorView).Assembly.GetTypes().Where(type => type is { IsPublic: true, Namespace: "Covol.Api.Contracts" }));

    [Theory]
    [MemberData(nameof(Contracts))]
    public void A_contract_keeps_its_names(Type contract)
    {
        s_shapes.ShouldContainKey(contract);

        Names(ApiJson.Default.GetTypeInfo(contract)).ShouldBe(s_shapes[contract]);
        Names(ApiJson.Indented.GetTypeInfo(contract)).ShouldBe(s_shapes[contract]);
    }

    [Theory]
    [MemberData(nameof(Contracts))]
    public void Every_name_of_a_contract_is_in_the_documentation(Type contract)
    {
        var words = File.ReadAllText(Path.Combine(House.Repository.Root, "docs", "api.md"))
            .Split([' ', '`', ',', '[', ']', '|', '{', '}', '(', ')', '\n', '"', ':'], StringSplitOptions.RemoveEmptyEntries);

        s_shapes[contract].Split(' ').Except(words).ShouldBeEmpty();
    }

    [Fact]
    public void A_sentence_is_printed_as_it_is_spoken()
    {
        var json = JsonSerializer.Serialize(new ErrorView("node1's answer: \"no\" + …"), ApiJson.Indented.ErrorView);

        json.ShouldContain("node1's answer: \\\"no\\\" + …");
    }

    [Fact]
    public void An_answer_of_a_newer_node_with_more_names_is_understood()
    {
        var view = JsonSerializer.Deserialize(
            """{"from":"node1","to":"node2","totalMs":1,"downtimeMs":2,"blackoutMs":3,"new":4}""", ApiJson.Default.MigrationView);

        view.ShouldBe(new MigrationView("node1", "node2", 1, 2, 3));
    }

    private static string Names(JsonTypeInfo? type) => string.Join(' ', type.ShouldNotBeNull().Properties.Select(property => property.Name));
}
