using Covol.Protocol;
using Covol.Protocol.Ids;
using Covol.Protocol.Ownership;
using Shouldly;
using Xunit;

namespace Covol.Tests.Ownership;

public sealed class KeyLayoutTests
{
    [Fact]
    public void A_data_key_gives_back_what_it_was_made_of()
    {
        var key = KeyLayout.DataKey(0xBEEF, new NodeId(64), KeyLayout.IncarnationMax, path: 15);

        KeyLayout.IsCoordinator(key).ShouldBeFalse();
        KeyLayout.Tag(key).ShouldBe(0xBEEF);
        KeyLayout.Node(key).ShouldBe(new NodeId(64));
        KeyLayout.Incarnation(key).ShouldBe(KeyLayout.IncarnationMax);
        KeyLayout.Path(key).ShouldBe(15);
    }

    [Fact]
    public void A_coordinator_key_gives_back_what_it_was_made_of()
    {
        var key = KeyLayout.CoordinatorKey(1, new NodeId(3), KeyLayout.VolumeNumberMax, KeyLayout.AttemptMax);

        KeyLayout.IsCoordinator(key).ShouldBeTrue();
        KeyLayout.Node(key).ShouldBe(new NodeId(3));
        KeyLayout.VolumeNumber(key).ShouldBe(KeyLayout.VolumeNumberMax);
        KeyLayout.Attempt(key).ShouldBe(KeyLayout.AttemptMax);
    }

    [Fact]
    public void Fencing_a_nodes_data_path_means_neither_its_coordinators_nor_another_node_or_cluster()
    {
        var node = new NodeId(2);

        KeyLayout.IsDataKeyOf(KeyLayout.DataKey(7, node, 5, 1), 7, node).ShouldBeTrue();
        KeyLayout.IsDataKeyOf(KeyLayout.CoordinatorKey(7, node, 1, 5), 7, node).ShouldBeFalse();
        KeyLayout.IsDataKeyOf(KeyLayout.DataKey(7, new NodeId(3), 5), 7, node).ShouldBeFalse();
        KeyLayout.IsDataKeyOf(KeyLayout.DataKey(8, node, 5), 7, node).ShouldBeFalse();
    }

    [Theory]
    [InlineData(0, 1, 1)]
    [InlineData(1, 0, 1)]
    [InlineData(1, 65, 1)]
    [InlineData(1, 1, 0)]
    public void What_a_key_cannot_hold_is_refused(int tag, int node, long incarnation) =>
        Should.Throw<InvariantBrokenException>(() => KeyLayout.DataKey(tag, new NodeId(node), incarnation));
}
