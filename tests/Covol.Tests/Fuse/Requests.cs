using Covol.Fuse;
using Shouldly;
using Xunit;

namespace Covol.Tests.Fuse;

/// <summary>How the kernel's bytes become requests.</summary>
public sealed class Requests
{
    [Fact]
    public void A_request_knows_who_asks_about_what()
    {
        var seen = Ask(FuseOpcode.GetAttributes, [Body.U32(1, 0), Body.U64(9)], request =>
            $"{request.Unique} {request.Node} {request.UserId} {request.GroupId} {request.ProcessId} "
            + $"{request.GetAttributes.HasHandle} {request.GetAttributes.Handle}");

        seen.ShouldBe("10 77 1001 1002 1003 True 9");
    }

    [Fact]
    public void A_lookup_carries_a_name() =>
        Ask(FuseOpcode.Lookup, [Body.Name("größe.vhd")], Name).ShouldBe("größe.vhd");

    [Fact]
    public void A_name_that_is_not_utf8_is_not_decoded() =>
        Ask(FuseOpcode.Lookup, [[0x61, 0xff, 0]], request => request.TryGetName(out _).ToString()).ShouldBe("False");

    [Fact]
    public void A_name_longer_than_a_page_is_whole() =>
        Ask(FuseOpcode.Lookup, [Body.Name(new string('x', 5000))], Name).ShouldBe(new string('x', 5000));

    [Fact]
    public void A_rename_carries_two_names_and_no_flags()
    {
        var seen = Ask(
            FuseOpcode.Rename,
            [Body.U64(5), Body.Name("old"), Body.Name("newer")],
            request => $"{Names(request)} {request.Rename.NewParent} {request.Rename.Flags}");

        seen.ShouldBe("old newer 5 0");
    }

    [Fact]
    public void A_rename_with_flags_carries_them()
    {
        var seen = Ask(
            FuseOpcode.Rename2,
            [Body.U64(5), Body.U32(1, 0), Body.Name("old"), Body.Name("newer")],
            request => $"{Names(request)} {request.Rename.NewParent} {request.Rename.Flags}");

        seen.ShouldBe("old newer 5 1");
    }

    [Fact]
    public void A_symbolic_link_carries_name_and_target() =>
        Ask(FuseOpcode.SymbolicLink, [Body.Name("link"), Body.Name("../target")], Names).ShouldBe("link ../target");

    [Fact]
    public void A_creation_carries_flags_mode_mask_and_name()
    {
        var seen = Ask(
            FuseOpcode.Create,
            [Body.U32(0x8042, 0x81a4, 0x12, 0), Body.Name("a")],
            request => $"{request.Create.Flags:x} {request.Create.Mode:x} {request.Create.Mask:x} {Name(request)}");

        seen.ShouldBe("8042 81a4 12 a");
    }

    [Fact]
    public void A_change_of_attributes_carries_all_of_them()
    {
        var seen = Ask(
            FuseOpcode.SetAttributes,
            [Body.U32(0x28, 0), Body.U64(1, 2, 3, 4, 5, 6), Body.U32(7, 8, 9, 10, 11, 12, 13, 14)],
            request =>
            {
                ref readonly var set = ref request.SetAttributes;
                return $"{set.Valid} {set.Handle} {set.Size} {set.LockOwner} {set.AccessSeconds} {set.ModifySeconds} "
                    + $"{set.ChangeSeconds} {set.AccessNanoseconds} {set.ModifyNanoseconds} {set.ChangeNanoseconds} "
                    + $"{set.Mode} {set.UserId} {set.GroupId}";
            });

        seen.ShouldBe("Size, ModifyTime 1 2 3 4 5 6 7 8 9 10 12 13");
    }

    [Fact]
    public void A_write_has_its_bytes_on_a_page_of_their_own()
    {
        byte[] data = [.. Enumerable.Range(0, 8192).Select(n => (byte)(n * 7))];

        var seen = Ask(FuseOpcode.Write, [Body.Write(3, 4096, data)], request =>
            $"{request.DataAddress % 4096} {request.Write.Offset} {request.Write.Flags:x} "
            + $"{request.Data[..(int)request.Write.Size].SequenceEqual(data)}");

        seen.ShouldBe("0 4096 4000 True");
    }

    [Fact]
    public void A_lock_carries_its_owner_and_range()
    {
        var seen = Ask(FuseOpcode.SetLock, [Body.Lock(3, 99, 100, 103, FuseLock.Exclusive)], request =>
            $"{request.Lock.Handle} {request.Lock.Owner} {request.Lock.Lock.Start}-{request.Lock.Lock.End} "
            + $"{request.Lock.Lock.Kind} {request.Lock.Lock.ProcessId} {request.Lock.IsFlock}");

        seen.ShouldBe("3 99 100-103 1 77 False");
    }

    [Fact]
    public void An_attribute_carries_name_and_value()
    {
        var seen = Ask(
            FuseOpcode.SetExtendedAttribute,
            [Body.U32(3, 1), Body.Name("user.a"), [1, 2, 3]],
            request => $"{Name(request)} {request.SetExtendedAttribute.Flags} {Convert.ToHexString(request.Value)}");

        seen.ShouldBe("user.a 1 010203");
    }

    [Fact]
    public void A_request_that_was_sent_again_keeps_its_identity()
    {
        var seen = Ask(FuseOpcode.ReadLink, [], request => $"{request.IsResent} {request.Identity}", unique: (1UL << 63) | 10);

        seen.ShouldBe("True 10");
    }

    [Fact]
    public void The_body_of_another_request_is_refused()
    {
        var handler = new ScriptedHandler { OnRequest = request => request.ReplyWrite((int)request.Write.Size) };
        using var kernel = FakeKernel.Mounted(handler);

        kernel.Send(FuseOpcode.Read, 10, 77, Body.Read(1, 0, 4096));

        kernel.Receive().Error.ShouldBe(-FuseErrno.InputOutput);
        handler.Failures.ShouldHaveSingleItem().ShouldBeOfType<FuseContractException>();
    }

    private static string Name(FuseRequest request)
    {
        request.TryGetName(out var name).ShouldBeTrue();
        return name;
    }

    private static string Names(FuseRequest request)
    {
        request.TryGetNames(out var first, out var second).ShouldBeTrue();
        return $"{first} {second}";
    }

    private static string Ask(FuseOpcode opcode, byte[][] body, Func<FuseRequest, string> look, ulong unique = 10)
    {
        var seen = "";
        var handler = new ScriptedHandler
        {
            OnRequest = request =>
            {
                seen = look(request);
                request.ReplyOk();
            },
        };
        using var kernel = FakeKernel.Mounted(handler);

        kernel.Send(opcode, unique, 77, body);

        var reply = kernel.Receive();
        handler.Failures.ShouldBeEmpty();
        reply.Error.ShouldBe(0);
        reply.Unique.ShouldBe(unique);
        return seen;
    }
}
