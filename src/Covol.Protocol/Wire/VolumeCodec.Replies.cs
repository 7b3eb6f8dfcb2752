using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Leases;
using Covol.Protocol.Volume;
using Google.Protobuf;
using Pb = Covol.Protocol.Wire.Messages;

namespace Covol.Protocol.Wire;

/// <content>Replies and notices.</content>
public static partial class VolumeCodec
{
    private static Pb.Reply ToWire(VolumeReply reply)
    {
        var message = KindToWire(reply);
        foreach (var attributes in reply.Changed)
        {
            message.Changed.Add(attributes.ToWire());
        }

        return message;
    }

    private static VolumeReply FromWire(Pb.Reply reply)
    {
        var kind = KindFromWire(reply);
        return reply.Changed.Count == 0 ? kind : kind with { Changed = [.. reply.Changed.Select(attributes => attributes.FromWire())] };
    }

    private static Pb.Reply KindToWire(VolumeReply reply) => reply switch
    {
        Refused it => new() { Refused = new() { Error = (Pb.Error)it.Error, Detail = it.Detail } },
        Done => new() { Done = new() },
        SessionOpened it => new()
        {
            SessionOpened = new()
            {
                Session = it.Session.Value,
                SlotCount = it.SlotCount,
                ReservedSlotCount = it.ReservedSlotCount,
                LayoutLease = it.LayoutLease.Ticks,
                BlockSize = it.BlockSize,
                ClusterSize = it.ClusterSize,
                InGrace = it.InGrace,
                AttributeLease = it.AttributeLease.Ticks,
            },
        },
        Entry it => new() { Entry = new() { Attributes = it.Attributes.ToWire(), Leases = (uint)it.Leases } },
        LinkTarget it => new() { LinkTarget = new() { Target = it.Target } },
        DirectoryPage it => new() { DirectoryPage = ToWire(it) },
        VolumeSpace it => new()
        {
            VolumeSpace = new()
            {
                Total = it.Total.Value,
                Free = it.Free.Value,
                ClusterSize = it.ClusterSize,
                FreeInodes = it.FreeInodes,
                TotalInodes = it.TotalInodes,
            },
        },
        DataFound it => new() { DataFound = ToWire(it) },
        Allocated it => new() { Allocated = new() { UpTo = it.UpTo.Value } },
        ExtendedAttributeValue it => new() { ExtendedAttributeValue = new() { Value = ByteString.CopyFrom(it.Value.Span) } },
        ExtendedAttributeNames it => new() { ExtendedAttributeNames = new() { Names = { it.Names } } },
        DataRead it => new() { DataRead = new() { Length = it.Length } },
        DataWritten it => new() { DataWritten = new() { Offset = it.Offset.Value, Size = it.Size.Value } },
        LayoutGranted it => new()
        {
            LayoutGranted = new() { Layout = it.Layout?.ToWire(), AskAgainAfter = it.AskAgainAfter.Ticks },
        },
        LockTested it => new() { LockTested = new() { Conflict = it.Conflict?.ToWire() } },
        LockQueued it => new() { LockQueued = new() { Ticket = it.Ticket } },
        _ => throw new WireFormatException($"A {reply.GetType().Name} has no place in the wire format."),
    };

    private static VolumeReply KindFromWire(Pb.Reply reply) => reply.KindCase switch
    {
        Pb.Reply.KindOneofCase.Refused => new Refused(reply.Refused.Error.FromWire(), reply.Refused.Detail),
        Pb.Reply.KindOneofCase.Done => Done.Instance,
        Pb.Reply.KindOneofCase.SessionOpened => FromWire(reply.SessionOpened),
        Pb.Reply.KindOneofCase.Entry => new Entry(reply.Entry.Attributes.FromWire())
        {
            // Bits that a newer coordinator may set say nothing to this program.
            Leases = (AttributeLeases)reply.Entry.Leases & (AttributeLeases.Attributes | AttributeLeases.Name),
        },
        Pb.Reply.KindOneofCase.LinkTarget => new LinkTarget(reply.LinkTarget.Target),
        Pb.Reply.KindOneofCase.DirectoryPage => FromWire(reply.DirectoryPage),
        Pb.Reply.KindOneofCase.VolumeSpace => new VolumeSpace(
            WireValues.Bytes(reply.VolumeSpace.Total, "total"),
            WireValues.Bytes(reply.VolumeSpace.Free, "free space"),
            WireValues.Count(reply.VolumeSpace.ClusterSize, "cluster size"),
            WireValues.NotNegative(reply.VolumeSpace.FreeInodes, "free inodes"),
            WireValues.NotNegative(reply.VolumeSpace.TotalInodes, "inodes")),
        Pb.Reply.KindOneofCase.ExtendedAttributeValue => new ExtendedAttributeValue(reply.ExtendedAttributeValue.Value.Memory),
        Pb.Reply.KindOneofCase.ExtendedAttributeNames => new ExtendedAttributeNames([.. reply.ExtendedAttributeNames.Names]),
        Pb.Reply.KindOneofCase.DataFound => new DataFound(
            reply.DataFound.HasOffset ? WireValues.Offset(reply.DataFound.Offset) : null),
        Pb.Reply.KindOneofCase.Allocated => new Allocated(WireValues.Offset(reply.Allocated.UpTo)),
        Pb.Reply.KindOneofCase.DataRead => new DataRead(DataLength(reply.DataRead.Length)),
        Pb.Reply.KindOneofCase.DataWritten => new DataWritten(
            WireValues.Offset(reply.DataWritten.Offset), WireValues.Bytes(reply.DataWritten.Size, "size")),
        Pb.Reply.KindOneofCase.LayoutGranted => new LayoutGranted(
            reply.LayoutGranted.Layout?.FromWire(), WireValues.Span(reply.LayoutGranted.AskAgainAfter, "waiting time")),
        Pb.Reply.KindOneofCase.LockTested => new LockTested(reply.LockTested.Conflict?.FromWire()),
        Pb.Reply.KindOneofCase.LockQueued => new LockQueued(reply.LockQueued.Ticket),
        _ => throw new WireFormatException("A reply is of a kind that this program does not know."),
    };

    private static Pb.Notice ToWire(VolumeNotice notice) => notice switch
    {
        RecallLayout it => new() { RecallLayout = new() { File = it.File.ToWire(), Generation = it.Generation.Value } },
        ReportTail it => new()
        {
            ReportTail = new()
            {
                File = it.File.ToWire(),
                Generation = it.Generation.Value,
                Ticket = it.Ticket,
                IsLast = it.IsLast,
            },
        },
        LockResolved it => new()
        {
            LockResolved = new() { File = it.File.ToWire(), Ticket = it.Ticket, Error = it.Error is { } error ? (Pb.Error)error : 0 },
        },
        RecallAttributes it => new()
        {
            RecallAttributes = new() { Recall = it.Recall, Files = { it.Files.Select(file => file.ToWire()) } },
        },
        SessionEnded it => new() { SessionEnded = new() { Reason = it.Reason } },
        _ => throw new WireFormatException($"A {notice.GetType().Name} has no place in the wire format."),
    };

    private static VolumeNotice FromWire(Pb.Notice notice) => notice.KindCase switch
    {
        Pb.Notice.KindOneofCase.RecallLayout => new RecallLayout(
            notice.RecallLayout.File.FromWire(), new LayoutGeneration(notice.RecallLayout.Generation)),
        Pb.Notice.KindOneofCase.ReportTail => new ReportTail(
            notice.ReportTail.File.FromWire(),
            new LayoutGeneration(notice.ReportTail.Generation),
            notice.ReportTail.Ticket,
            notice.ReportTail.IsLast),
        Pb.Notice.KindOneofCase.LockResolved => new LockResolved(
            notice.LockResolved.File.FromWire(),
            notice.LockResolved.Ticket,
            notice.LockResolved.Error == Pb.Error.Unspecified ? null : notice.LockResolved.Error.FromWire()),
        Pb.Notice.KindOneofCase.RecallAttributes => new RecallAttributes(
            notice.RecallAttributes.Recall, [.. notice.RecallAttributes.Files.Select(file => file.FromWire())]),
        Pb.Notice.KindOneofCase.SessionEnded => new SessionEnded(notice.SessionEnded.Reason),
        _ => throw new WireFormatException("A notice is of a kind that this program does not know."),
    };

    private static SessionOpened FromWire(Pb.SessionOpened message) => new(
        new SessionId(message.Session),
        WireValues.Count(message.SlotCount, "slot count"),
        WireValues.Count(message.ReservedSlotCount, "reserved slot count"),
        WireValues.Span(message.LayoutLease, "layout lease"),
        WireValues.Count(message.BlockSize, "block size"),
        WireValues.Count(message.ClusterSize, "cluster size"),
        message.InGrace)
    {
        AttributeLease = WireValues.Span(message.AttributeLease, "attribute lease"),
    };

    private static Pb.DirectoryPage ToWire(DirectoryPage page)
    {
        var message = new Pb.DirectoryPage { IsLast = page.IsLast, Parent = page.Parent.Value };
        foreach (var entry in page.Entries)
        {
            message.Entries.Add(new Pb.DirectoryEntry
            {
                Name = entry.Name,
                File = entry.File.ToWire(),
                Kind = (Pb.FileKind)entry.Kind,
            });
        }

        return message;
    }

    private static DirectoryPage FromWire(Pb.DirectoryPage message)
    {
        var entries = new DirectoryEntry[message.Entries.Count];
        for (var index = 0; index < entries.Length; index++)
        {
            var entry = message.Entries[index];
            entries[index] = new DirectoryEntry(entry.Name, entry.File.FromWire(), entry.Kind.FromWire());
        }

        return new DirectoryPage(entries, message.IsLast, new FileReference(message.Parent));
    }

    private static Pb.DataFound ToWire(DataFound found)
    {
        var message = new Pb.DataFound();
        if (found.Offset is { } offset)
        {
            message.Offset = offset.Value;
        }

        return message;
    }

    private static int DataLength(int length) => length is >= 0 and <= WireLimits.DataLengthMax
        ? length
        : throw new WireFormatException($"A message speaks of {length} bytes of data; at most {WireLimits.DataLengthMax} are allowed.");
}
