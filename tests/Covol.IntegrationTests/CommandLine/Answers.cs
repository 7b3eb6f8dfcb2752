using System.Text.Json;
using Covol.IntegrationTests.Lab;
using Covol.IntegrationTests.Support;
using Shouldly;
using Xunit;

namespace Covol.IntegrationTests.CommandLine;

/// <summary>What the commands print for people and for programs.</summary>
[Collection(CommandLabCollection.Name)]
public sealed class Answers
{
    private readonly CommandLab _lab;

    public Answers(CommandLab lab) => _lab = lab;

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs")]
    public async Task Volume_state_is_one_object_a_node_and_volume_with_exactly_the_documented_names()
    {
        var states = (await Shell.JsonAsync(_lab.Path, "volume", "state")).EnumerateArray().ToArray();

        states.Select(state => $"{state.GetProperty("node")} {state.GetProperty("volume")}").Order().ShouldBe(["node1 Volume1", "node2 Volume1"]);
        foreach (var state in states)
        {
            state.EnumerateObject().Select(property => property.Name).ShouldBe(
                ["volume", "node", "coordinator", "epoch", "state", "reason", "directBytes", "redirectedBytes", "dataPath"]);
            state.GetProperty("state").GetString().ShouldBe("Direct");
            state.GetProperty("directBytes").ValueKind.ShouldBe(JsonValueKind.Number);
        }
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs")]
    public async Task Tables_have_a_header_and_neither_colour_nor_cursor_movements()
    {
        foreach (var (command, header) in ((string[], string)[])
        [
            (["node", "list"], "NODE    STATE   ADDRESS"),
            (["volume", "list"], "VOLUME    STATE    COORDINATOR"),
            (["volume", "state"], "VOLUME    NODE    STATE"),
            (["lab", "status"], "NODE    STATE   NAMESPACE"),
        ])
        {
            var output = await Shell.RunAsync(_lab.Path, command);

            output.ShouldStartWith(header);
            output.ShouldNotContain('\x1b');
            output.ShouldNotContain('\r');
            output.Split('\n').ShouldAllBe(line => line == line.TrimEnd());
        }

        (await Shell.RunAsync(_lab.Path, "cluster", "status")).ShouldStartWith("Cluster lab: Healthy");
        (await Shell.RunAsync(_lab.Path, "vm", "list")).ShouldBe("None.\n");
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs", "curl")]
    public async Task A_request_with_a_name_the_node_does_not_know_is_refused_with_that_name()
    {
        foreach (var (arguments, status, says) in ((string[], string, string)[])
        [
            (
                ["/v1/volumes", "-d", """{"volume":"V","lun":"file:/x","fromat":true,"x":1}"""],
                "400",
                "unknown names 'fromat', 'x'; known here are 'volume', 'lun', 'format', 'force'"),
            (["/v1/volumes", "-d", """{"volume":"V"}"""], "400", "lacks 'lun'"),
            (["/v1/volumes", "-d", """{"volume":"V","volume":"W","lun":"x"}"""], "400", "has the name 'volume' twice"),
            (["/v1/volumes", "-d", """{"volume":1,"lun":"x"}"""], "400", "value at $.volume"),
            (["/v1/volumes", "-d", "text"], "400", "is not JSON"),
            (["/v1/volumes", "-d", "[]"], "400", "is not a JSON object"),
            (["/v1/vms/x/start", "-d", """{"on":"node1"}"""], "400", "unknown name 'on'; known here are 'node'"),
            (["/v1/vms/x/start", "-d", "{}"], "409", "There is no virtual machine x"),
            (["/v1/none"], "404", "does not know the request GET /v1/none"),
            (["/v1/volumes", "-X", "PUT"], "405", "does not know the request PUT /v1/volumes"),
        ])
        {
            var (_, output, error) = await CovolCommand.ProgramAsync(
                "curl",
                [
                    "-s", "-S", "-w", "\n%{http_code}", "--unix-socket", $"{_lab.Path}/node1/run/node.sock", $"http://node{arguments[0]}",
                    .. arguments[1..],
                ]);
            var lines = output.Split('\n');

            lines.Length.ShouldBe(2, output + error);
            lines[1].ShouldBe(status, output);
            using var answer = JsonDocument.Parse(lines[0]);
            answer.RootElement.EnumerateObject().Single().Name.ShouldBe("error");
            answer.RootElement.GetProperty("error").GetString()!.ShouldContain(says);
        }

        (await _lab.VolumesAsync()).ShouldBe(["Volume1"]);
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs")]
    public async Task A_move_answers_when_it_is_done_with_the_higher_epoch()
    {
        var before = (await Shell.JsonAsync(_lab.Path, "volume", "list"))[0];
        var target = before.GetProperty("coordinator").GetString() == "node1" ? "node2" : "node1";

        var after = await Shell.JsonAsync(_lab.Path, "volume", "move", "Volume1", "--to", target);

        after.EnumerateObject().Select(property => property.Name)
            .ShouldBe(["volume", "lun", "coordinator", "epoch", "state", "reason", "fencing"]);
        after.GetProperty("coordinator").GetString().ShouldBe(target);
        after.GetProperty("epoch").GetInt64().ShouldBeGreaterThan(before.GetProperty("epoch").GetInt64());
        (await Shell.RunAsync(_lab.Path, "volume", "move", "Volume1", "--to", "node1")).ShouldStartWith("node1 coordinates Volume1 (epoch ");
    }
}
