using Covol.Fuse;
using Shouldly;
using Xunit;

namespace Covol.Tests.Fuse;

/// <summary>How answers become the kernel's bytes.</summary>
public sealed class Replies
{
    private static readonly FuseAttributes s_attributes = new()
    {
        Inode = 0x11,
        Size = 0x12,
        Blocks = 0x13,
        AccessSeconds = 0x14,
        ModifySeconds = 0x15,
        ChangeSeconds = 0x16,
        AccessNanoseconds = 0x17,
        ModifyNanoseconds = 0x18,
        ChangeNanoseconds = 0x19,
        Mode = 0x81a4,
        Links = 0x1b,
        UserId = 0x1c,
        GroupId = 0x1d,
        Device = 0x1e,
        BlockSize = 0x1f,
    };

    private static readonly byte[] s_attributeBytes =
    [
        .. Body.U64(0x11, 0x12, 0x13, 0x14, 0x15, 0x16),
        .. Body.U32(0x17, 0x18, 0x19, 0x81a4, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0),
    ];

    [Fact]
    public void Init_is_answered_with_exactly_the_flags_of_the_design()
    {
        using var kernel = FakeKernel.Fresh(new ScriptedHandler());

        var reply = kernel.Initialize();

        const uint flags = 1 | 1 << 1 | 1 << 3 | 1 << 5 | 1 << 10 | 1 << 13 | 1 << 14 | 1 << 15 | 1 << 18 | 1 << 21 | 1 << 22 | 1 << 30;
        const uint flags2 = 1 << 4 | 1 << 7;
        byte[] expected =
        [
            .. Body.U32(7, 45, 0x20000, flags), 0, 1, 192, 0, .. Body.U32(1 << 20, 1), 0, 1, 0, 0, .. Body.U32(flags2), .. new byte[28],
        ];
        Body.Hex(reply.Payload).ShouldBe(Body.Hex(expected));
        reply.Unique.ShouldBe(2UL);
    }

    [Fact]
    public void A_kernel_that_keeps_locks_to_itself_is_refused()
    {
        using var kernel = FakeKernel.Fresh(new ScriptedHandler());

        var reply = kernel.Initialize(FakeKernel.Flags & ~2u);

        reply.Error.ShouldBe(-71);
        reply.Payload.ShouldBeEmpty();
    }

    [Fact]
    public void An_entry_is_128_bytes()
    {
        var entry = new FuseEntry
        {
            Node = 1,
            Generation = 2,
            NameValidSeconds = 3,
            AttributesValidSeconds = 4,
            NameValidNanoseconds = 5,
            AttributesValidNanoseconds = 6,
            Attributes = s_attributes,
        };

        var payload = Ask(FuseOpcode.Lookup, [Body.Name("a")], request => request.ReplyEntry(entry));

        Body.Hex(payload).ShouldBe(Body.Hex([.. Body.U64(1, 2, 3, 4), .. Body.U32(5, 6), .. s_attributeBytes]));
    }

    [Fact]
    public void Attributes_come_after_their_validity()
    {
        var payload = Ask(
            FuseOpcode.GetAttributes,
            [new byte[16]],
            request => request.ReplyAttributes(s_attributes, TimeSpan.FromMilliseconds(1500)));

        Body.Hex(payload).ShouldBe(Body.Hex([.. Body.U64(1), .. Body.U32(500_000_000, 0), .. s_attributeBytes]));
    }

    [Fact]
    public void A_created_file_is_entry_and_open_file()
    {
        var payload = Ask(
            FuseOpcode.Create,
            [new byte[16], Body.Name("a")],
            request => request.ReplyCreate(new FuseEntry { Node = 1 }, 7, FuseOpenFlags.DirectIo | FuseOpenFlags.ParallelDirectWrites));

        payload.Length.ShouldBe(144);
        Body.Hex(payload[128..]).ShouldBe(Body.Hex([.. Body.U64(7), .. Body.U32(65, 0)]));
    }

    [Fact]
    public void Read_bytes_may_begin_anywhere_in_the_requests_memory()
    {
        var payload = Ask(FuseOpcode.Read, [Body.Read(1, 3, 5)], request =>
        {
            "0123456789"u8.CopyTo(request.Data);
            request.ReplyData(5, start: 3);
        });

        payload.ShouldBe("34567"u8.ToArray());
    }

    [Fact]
    public void Names_of_a_directory_are_filled_up_to_eight()
    {
        var payload = Ask(FuseOpcode.ReadDirectory, [Body.Read(1, 0, 4096)], request =>
        {
            var listing = request.BeginDirectory();
            listing.TryAdd("abc", 5, 0x81a4, 1).ShouldBeTrue();
            listing.TryAdd("12345678", 6, 0x41ed, 2).ShouldBeTrue();
            request.ReplyDirectory(listing);
        });

        byte[] expected =
        [
            .. Body.U64(5, 1), .. Body.U32(3, 8), .. "abc\0\0\0\0\0"u8,
            .. Body.U64(6, 2), .. Body.U32(8, 4), .. "12345678"u8,
        ];
        Body.Hex(payload).ShouldBe(Body.Hex(expected));
    }

    [Fact]
    public void A_directory_ends_where_the_kernels_room_does()
    {
        var fitted = 0;

        var payload = Ask(FuseOpcode.ReadDirectory, [Body.Read(1, 0, 100)], request =>
        {
            var listing = request.BeginDirectory();
            while (listing.TryAdd("abc", 5, 0x81a4, (ulong)fitted + 1))
            {
                fitted++;
            }

            request.ReplyDirectory(listing);
        });

        fitted.ShouldBe(3);
        payload.Length.ShouldBe(96);
    }

    [Fact]
    public void A_directory_with_attributes_has_an_entry_before_each_name()
    {
        var payload = Ask(FuseOpcode.ReadDirectoryPlus, [Body.Read(1, 0, 4096)], request =>
        {
            var listing = request.BeginDirectory();
            listing.TryAdd("abc", new FuseEntry { Node = 9, Attributes = s_attributes }, 1).ShouldBeTrue();
            request.ReplyDirectory(listing);
        });

        payload.Length.ShouldBe(160);
        Body.Hex(payload[..8]).ShouldBe(Body.Hex(Body.U64(9)));
        Body.Hex(payload[40..128]).ShouldBe(Body.Hex(s_attributeBytes));
        Body.Hex(payload[128..]).ShouldBe(Body.Hex([.. Body.U64(0x11, 1), .. Body.U32(3, 8), .. "abc\0\0\0\0\0"u8]));
    }

    [Fact]
    public void Extended_status_has_the_time_of_birth()
    {
        var payload = Ask(
            FuseOpcode.ExtendedStatus,
            [new byte[24]],
            request => request.ReplyExtendedStatus(s_attributes, 1_000, 7));

        payload.Length.ShouldBe(288);
        Body.Hex(payload[32..40]).ShouldBe(Body.Hex(Body.U32(0xfff, 0x1f)));
        Body.Hex(payload[(32 + 80)..(32 + 92)]).ShouldBe(Body.Hex([.. Body.U64(1_000), .. Body.U32(7)]));
    }

    [Fact]
    public void Small_answers_have_the_kernels_sizes()
    {
        Ask(FuseOpcode.Write, [Body.Write(1, 0, new byte[8])], r => r.ReplyWrite(8)).ShouldBe(Body.U64(8));
        Ask(FuseOpcode.Open, [new byte[8]], r => r.ReplyOpen(3, FuseOpenFlags.DirectIo)).ShouldBe([.. Body.U64(3), .. Body.U32(1, 0)]);
        Ask(FuseOpcode.Seek, [new byte[24]], r => r.ReplySeek(99)).ShouldBe(Body.U64(99));
        Ask(FuseOpcode.GetExtendedAttribute, [new byte[8], Body.Name("a")], r => r.ReplyExtendedAttributeSize(5)).ShouldBe(Body.U64(5));
        Ask(FuseOpcode.GetLock, [Body.Lock(1, 2, 3, 4, 1)], r => r.ReplyLock(new FuseLock { Kind = FuseLock.Unlocked }))
            .ShouldBe([.. Body.U64(0, 0), .. Body.U32(2, 0)]);
        Ask(FuseOpcode.FileSystemStatus, [], r => r.ReplyFileSystemStatus(new FuseFileSystemStatus { Blocks = 1, BlockSize = 4096 }))
            .ShouldBe([.. Body.U64(1, 0, 0, 0, 0), .. Body.U32(4096, 0, 0, 0, 0, 0, 0, 0, 0, 0)]);
    }

    private static byte[] Ask(FuseOpcode opcode, byte[][] body, Action<FuseRequest> answer)
    {
        var handler = new ScriptedHandler { OnRequest = answer };
        using var kernel = FakeKernel.Mounted(handler);

        kernel.Send(opcode, 10, 77, body);

        var reply = kernel.Receive();
        handler.Failures.ShouldBeEmpty();
        reply.Error.ShouldBe(0);
        return reply.Payload;
    }
}
