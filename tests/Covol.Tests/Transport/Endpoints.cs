using Covol.Protocol.Ids;
using Covol.Transport;
using Shouldly;
using Xunit;

namespace Covol.Tests.Transport;

public sealed class Endpoints
{
    [Theory]
    [InlineData("unix:/run/covol/volume1")]
    [InlineData("tcp:10.0.0.1:7000")]
    [InlineData("tcp:[fd00::1]:7000")]
    [InlineData("tcp:node2@10.0.0.1:7000")]
    [InlineData("tcp:node64@[fd00::1]:7000")]
    public void An_endpoint_is_written_as_it_was_read(string text) => PeerEndpoint.Parse(text).ToString().ShouldBe(text);

    [Theory]
    [InlineData("")]
    [InlineData("unix:")]
    [InlineData("tcp:")]
    [InlineData("tcp:10.0.0.1")]
    [InlineData("tcp:node1:7000")]
    [InlineData("tcp:node65@10.0.0.1:7000")]
    [InlineData("tcp:@10.0.0.1:7000")]
    [InlineData("tcp:root@10.0.0.1:7000")]
    [InlineData("http://10.0.0.1:7000")]
    public void Anything_else_is_refused_with_a_sentence(string text) =>
        Should.Throw<FormatException>(() => PeerEndpoint.Parse(text)).Message.ShouldContain("'unix:PATH' or 'tcp:ADDRESS:PORT'");

    [Fact]
    public void What_others_are_told_names_who_answers_there_and_a_path_stays_as_it_is()
    {
        PeerEndpoint.Named("tcp:10.0.0.1:7000", new NodeId(2)).ShouldBe("tcp:node2@10.0.0.1:7000");
        PeerEndpoint.Named("unix:/run/a", new NodeId(2)).ShouldBe("unix:/run/a");
    }

    [Fact]
    public void A_path_that_no_socket_can_have_is_refused() =>
        Should.Throw<FormatException>(() => PeerEndpoint.Parse($"unix:/{new string('x', 108)}")).Message.ShouldContain("shorter");
}
