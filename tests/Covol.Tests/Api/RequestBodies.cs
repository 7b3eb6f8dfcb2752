using System.Text;
using System.Text.Json.Serialization.Metadata;
using Covol.Api;
using Covol.Api.Contracts;
using Covol.Node.Http;
using Microsoft.AspNetCore.Http;
using Shouldly;
using Xunit;

namespace Covol.Tests.Api;

/// <summary>What a node takes as a request: every name known, none missing, none twice.</summary>
public sealed class RequestBodies
{
    [Fact]
    public async Task Optional_names_may_be_left_out()
    {
        (await ReadAsync("""{"volume":"V","lun":"file:/x"}""", ApiJson.Default.AddVolume)).ShouldBe(new AddVolume("V", "file:/x"));
        (await ReadAsync("{}", ApiJson.Default.StartOn)).ShouldBe(new StartOn(null));
        (await ReadAsync("""{"node":null}""", ApiJson.Default.StartOn)).ShouldBe(new StartOn(null));
        (await ReadAsync("""{"name":"v","memoryBytes":1,"cpus":1,"disks":[]}""", ApiJson.Default.VirtualMachineDefinition)).Kernel.ShouldBeNull();
    }

    [Theory]
    [InlineData("""{"node":"node1","nodes":1,"to":2}""", "The request has the unknown names 'nodes', 'to'; known here are 'node'.")]
    [InlineData("""{"Node":"node1"}""", "The request has the unknown name 'Node'; known here are 'node'.")]
    [InlineData("""{"node":"node1","node":"node2"}""", "The request has the name 'node' twice.")]
    [InlineData("{}", "The request lacks 'node'.")]
    [InlineData("""{"node":null}""", "The request lacks 'node'.")]
    [InlineData("""{"node":{}}""", "The request's value at $.node is not what it should be.")]
    [InlineData("[1]", "The request's body is not a JSON object; it has the names node.")]
    [InlineData("{", "The request's body is not JSON")]
    [InlineData("", "The request's body is not JSON")]
    public async Task A_wrong_one_is_refused_with_a_sentence(string body, string sentence)
    {
        var refused = await Should.ThrowAsync<BadHttpRequestException>(() => ReadAsync(body, ApiJson.Default.MoveTo));

        refused.StatusCode.ShouldBe(400);
        refused.Message.ShouldStartWith(sentence);
    }

    private static Task<T> ReadAsync<T>(string body, JsonTypeInfo<T> type)
    {
        var context = new DefaultHttpContext();
        context.Request.Body = new MemoryStream(Encoding.UTF8.GetBytes(body));
        return RequestBody.ReadAsync(context, type);
    }
}
