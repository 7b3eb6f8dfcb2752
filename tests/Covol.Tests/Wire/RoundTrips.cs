using System.Buffers;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Protocol.Wire;
using Shouldly;
using Xunit;

namespace Covol.Tests.Wire;

/// <summary>Every record of the volume protocol comes back from its bytes as it was.</summary>
public sealed class RoundTrips
{
    public static TheoryData<string, bool> Kinds
    {
        get
        {
            var kinds = new TheoryData<string, bool>();
            foreach (var root in new[] { typeof(VolumeRequest), typeof(VolumeReply), typeof(VolumeNotice) })
            {
                foreach (var kind in Samples.KindsOf(root))
                {
                    kinds.Add(kind.FullName!, true);
                    kinds.Add(kind.FullName!, false);
                }
            }

            return kinds;
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_record_comes_back_as_it_was(string kind, bool full)
    {
        var type = typeof(VolumeRequest).Assembly.GetType(kind, throwOnError: true)!;
        for (var seed = 0; seed < 20; seed++)
        {
            var record = Samples.Make(type, new Random(seed), full);

            Samples.Text(ThroughTheWire(record)).ShouldBe(Samples.Text(record));
        }
    }

    [Fact]
    public void There_is_something_to_test()
    {
        Kinds.Count.ShouldBeGreaterThan(90);
        Samples.Text(Samples.Make(typeof(ReclaimHandle), new Random(1), full: true)).ShouldContain("FileExtent");
    }

    [Fact]
    public void A_message_longer_than_the_limit_is_not_sent()
    {
        var page = new ExtendedAttributeValue(new byte[WireLimits.FieldsLengthMax]);

        VolumeCodec.SizeOf(page).ShouldBeGreaterThan(WireLimits.FieldsLengthMax);
        Should.Throw<WireFormatException>(() => VolumeCodec.Encode(page, new ArrayBufferWriter<byte>()))
            .Message.ShouldContain("too long");
    }

    [Fact]
    public void A_layout_in_the_most_pieces_fits_a_message_and_keeps_its_tail()
    {
        const long far = 1L << 55;
        var extents = Enumerable.Range(0, Layout.ExtentsMax)
            .Select(piece => new FileExtent(new FileByteOffset(far + piece), new LunByteOffset(far), new ByteCount(far))).ToList();
        var file = new FileId(new FileReference(ulong.MaxValue), long.MaxValue);
        var layout = new Layout(file, new LayoutGeneration(long.MaxValue), LayoutAccess.ReadWrite, extents, new ByteCount(far))
        {
            TailEnd = new FileByteOffset(far + 1),
            IsPart = true,
        };

        VolumeCodec.SizeOf(new LayoutGranted(layout, TimeSpan.MaxValue)).ShouldBeLessThan(WireLimits.FieldsLengthMax - 512);

        ((LayoutGranted)ThroughTheWire(new LayoutGranted(layout, TimeSpan.Zero))).Layout.ShouldNotBeNull().TailEnd.ShouldBe(layout.TailEnd);
    }

    private static object ThroughTheWire(object record)
    {
        var bytes = new ArrayBufferWriter<byte>();
        switch (record)
        {
            case VolumeRequest request:
                VolumeCodec.Encode(request, bytes);
                return VolumeCodec.DecodeRequest(bytes.WrittenSpan);
            case VolumeReply reply:
                VolumeCodec.Encode(reply, bytes);
                VolumeCodec.SizeOf(reply).ShouldBe(bytes.WrittenCount);
                return VolumeCodec.DecodeReply(bytes.WrittenSpan);
            default:
                VolumeCodec.Encode((VolumeNotice)record, bytes);
                return VolumeCodec.DecodeNotice(bytes.WrittenSpan);
        }
    }
}
