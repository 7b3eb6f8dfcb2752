using Covol.Protocol.Ids;
using Covol.Protocol.Sessions;
using Covol.Protocol.Volume;
using Shouldly;
using Xunit;

namespace Covol.Tests.Sessions;

public sealed class Slots
{
    private static readonly SessionId s_session = new(4);

    [Fact]
    public void A_slot_is_used_again_with_the_next_sequence_after_its_answer()
    {
        var slots = new SlotAllocator<string>(s_session, 1, 0);

        var first = slots.TryBegin(new GetRoot(), "first").ShouldNotBeNull();
        slots.TryBegin(new GetRoot(), "too many").ShouldBeNull();
        slots.Answered(first).ShouldBe("first");

        slots.TryBegin(new GetRoot(), "second").ShouldBe(new RequestId(s_session, 0, 2));
    }

    [Fact]
    public void What_gives_back_finds_a_slot_while_all_others_wait()
    {
        var slots = new SlotAllocator<string>(s_session, 1, 1);
        slots.TryBegin(new GetRoot(), "waits");

        slots.TryBegin(new GetSpace(), "no slot").ShouldBeNull();
        slots.TryBegin(new ReturnLayout(default, default), "recall").ShouldBe(new RequestId(s_session, 1, 1));
        slots.TryBegin(new RenewLease(), "reserve used up").ShouldBeNull();
    }

    [Fact]
    public void What_is_in_doubt_is_known_in_order_until_it_is_answered()
    {
        var slots = new SlotAllocator<string>(s_session, 3, 0);
        var a = slots.TryBegin(new GetRoot(), "a").ShouldNotBeNull();
        var b = slots.TryBegin(new GetRoot(), "b").ShouldNotBeNull();
        var c = slots.TryBegin(new GetRoot(), "c").ShouldNotBeNull();

        slots.Answered(b);

        slots.Outstanding.ShouldBe([(a, "a"), (c, "c")]);
    }

    [Fact]
    public void A_second_answer_to_the_same_request_frees_nothing()
    {
        var slots = new SlotAllocator<string>(s_session, 1, 0);
        var first = slots.TryBegin(new GetRoot(), "first").ShouldNotBeNull();
        slots.Answered(first);
        slots.TryBegin(new GetRoot(), "second").ShouldNotBeNull();

        slots.Answered(first).ShouldBeNull();

        slots.TryBegin(new GetRoot(), "third").ShouldBeNull();
    }
}
