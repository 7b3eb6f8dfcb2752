using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;

namespace Covol.Coordinator.Metadata;

/// <summary>
/// The bytes of <see cref="StateChange"/>s in journal records: a version, then records of a kind byte and fields,
/// little-endian. A whole
/// state is the changes that make it from nothing, so a checkpoint and a commit have one format.
/// </summary>
internal static class StateCodec
{
    /// <summary>
    /// Version 2 added the lost writes, 3 the tails, 4 the leases of the evicted, 5 allocations in parts; an older state is one of this version
    /// without any. Written is the lowest that can say it, so that an older program reads what has nothing new in it.
    /// </summary>
    private const byte Version = 5;

    private const byte OldestVersion = 1;

    private enum Kind : byte
    {
        SessionKept = 1,
        SessionGone = 2,
        Answered = 3,
        AppendPlaced = 4,
        LastSession = 5,
        WritesLost = 6,
        WritesForgotten = 7,
        TailClaimed = 8,
        TailEnded = 9,
        TailsCut = 10,
        LeaseLeft = 11,
        LeaseOver = 12,
    }

    private enum ReplyKind : byte
    {
        Done = 1,
        Entry = 2,
        DataWritten = 3,
        Refused = 4,
        Allocated = 5,
    }

    public static byte[] Encode(IEnumerable<StateChange> changes, long lastSession)
    {
        using var memory = new MemoryStream();
        using var writer = new BinaryWriter(memory);
        writer.Write(OldestVersion);
        writer.Write((byte)Kind.LastSession);
        writer.Write(lastSession);
        var version = OldestVersion;
        foreach (var change in changes)
        {
            Write(writer, change);
            version = Math.Max(version, VersionOf(change));
        }

        writer.Flush();
        var bytes = memory.ToArray();
        bytes[0] = version;
        return bytes;
    }

    /// <summary>The first version that knows such a change.</summary>
    private static byte VersionOf(StateChange change) => change switch
    {
        StateChange.Answered { Reply: Allocated } => 5,
        StateChange.LeaseLeft or StateChange.LeaseOver => 4,
        StateChange.TailClaimed or StateChange.TailEnded or StateChange.TailsCut => 3,
        StateChange.WritesLost or StateChange.WritesForgotten => 2,
        _ => OldestVersion,
    };

    /// <summary>
    /// Throws <see cref="InvalidDataException"/> for what no version of this wrote: the journal's checksum was right, so it is
    /// not ours.
    /// </summary>
    public static (IReadOnlyList<StateChange> Changes, long LastSession) Decode(ReadOnlyMemory<byte> bytes)
    {
        var changes = new List<StateChange>();
        if (bytes.IsEmpty)
        {
            return (changes, 0);
        }

        using var memory = new MemoryStream(bytes.ToArray(), writable: false);
        using var reader = new BinaryReader(memory);
        var version = reader.ReadByte();
        if (version is < OldestVersion or > Version)
        {
            throw new InvalidDataException(
                $"The journal holds a coordinator state of version {version}; this program knows {Version}. Start the newer program.");
        }

        long lastSession = 0;
        while (memory.Position < memory.Length)
        {
            var kind = (Kind)reader.ReadByte();
            switch (kind)
            {
                case Kind.SessionKept:
                    changes.Add(new StateChange.SessionKept(
                        new SessionId(reader.ReadInt64()),
                        new NodeId(reader.ReadInt32()),
                        ReadGuid(reader),
                        new ReservationKey(reader.ReadUInt64()),
                        reader.ReadInt32()));
                    break;
                case Kind.SessionGone:
                    changes.Add(new StateChange.SessionGone(new SessionId(reader.ReadInt64())));
                    break;
                case Kind.Answered:
                    changes.Add(new StateChange.Answered(ReadId(reader), ReadReply(reader)));
                    break;
                case Kind.AppendPlaced:
                    changes.Add(new StateChange.AppendPlaced(ReadId(reader), reader.ReadInt64()));
                    break;
                case Kind.LastSession:
                    lastSession = reader.ReadInt64();
                    break;
                case Kind.WritesLost:
                    changes.Add(new StateChange.WritesLost(ReadFile(reader)));
                    break;
                case Kind.WritesForgotten:
                    changes.Add(new StateChange.WritesForgotten(ReadFile(reader)));
                    break;
                case Kind.TailClaimed:
                    changes.Add(new StateChange.TailClaimed(
                        ReadFile(reader), new SessionId(reader.ReadInt64()), new LayoutGeneration(reader.ReadInt64())));
                    break;
                case Kind.TailEnded:
                    changes.Add(new StateChange.TailEnded(ReadFile(reader)));
                    break;
                case Kind.TailsCut:
                    changes.Add(new StateChange.TailsCut(new SessionId(reader.ReadInt64())));
                    break;
                case Kind.LeaseLeft:
                    changes.Add(new StateChange.LeaseLeft(new SessionId(reader.ReadInt64())));
                    break;
                case Kind.LeaseOver:
                    changes.Add(new StateChange.LeaseOver(new SessionId(reader.ReadInt64())));
                    break;
                default:
                    throw new InvalidDataException($"The journal holds a coordinator record of unknown kind {(byte)kind}.");
            }
        }

        return (changes, lastSession);
    }

    private static void Write(BinaryWriter writer, StateChange change)
    {
        switch (change)
        {
            case StateChange.SessionKept kept:
                writer.Write((byte)Kind.SessionKept);
                writer.Write(kept.Session.Value);
                writer.Write(kept.Node.Value);
                writer.Write(kept.MountId.ToByteArray());
                writer.Write(kept.DataKey.Value);
                writer.Write(kept.SlotCount);
                break;
            case StateChange.SessionGone gone:
                writer.Write((byte)Kind.SessionGone);
                writer.Write(gone.Session.Value);
                break;
            case StateChange.Answered answered:
                writer.Write((byte)Kind.Answered);
                Write(writer, answered.Id);
                Write(writer, answered.Reply);
                break;
            case StateChange.AppendPlaced placed:
                writer.Write((byte)Kind.AppendPlaced);
                Write(writer, placed.Id);
                writer.Write(placed.Offset);
                break;
            case StateChange.WritesLost lost:
                writer.Write((byte)Kind.WritesLost);
                Write(writer, lost.File);
                break;
            case StateChange.WritesForgotten forgotten:
                writer.Write((byte)Kind.WritesForgotten);
                Write(writer, forgotten.File);
                break;
            case StateChange.TailClaimed claimed:
                writer.Write((byte)Kind.TailClaimed);
                Write(writer, claimed.File);
                writer.Write(claimed.Session.Value);
                writer.Write(claimed.Generation.Value);
                break;
            case StateChange.TailEnded ended:
                writer.Write((byte)Kind.TailEnded);
                Write(writer, ended.File);
                break;
            case StateChange.TailsCut cut:
                writer.Write((byte)Kind.TailsCut);
                writer.Write(cut.Session.Value);
                break;
            case StateChange.LeaseLeft left:
                writer.Write((byte)Kind.LeaseLeft);
                writer.Write(left.Session.Value);
                break;
            case StateChange.LeaseOver over:
                writer.Write((byte)Kind.LeaseOver);
                writer.Write(over.Session.Value);
                break;
            default:
                throw new Protocol.InvariantBrokenException($"{change.GetType().Name} has no bytes.");
        }
    }

    private static void Write(BinaryWriter writer, RequestId id)
    {
        writer.Write(id.Session.Value);
        writer.Write(id.Slot);
        writer.Write(id.Sequence);
    }

    private static Guid ReadGuid(BinaryReader reader)
    {
        Span<byte> bytes = stackalloc byte[16];
        reader.BaseStream.ReadExactly(bytes);
        return new Guid(bytes);
    }

    private static void Write(BinaryWriter writer, FileId file)
    {
        writer.Write(file.Reference.Value);
        writer.Write(file.Birth);
    }

    private static FileId ReadFile(BinaryReader reader) =>
        new(new FileReference(reader.ReadUInt64()), reader.ReadInt64());

    private static RequestId ReadId(BinaryReader reader) =>
        new(new SessionId(reader.ReadInt64()), reader.ReadInt32(), reader.ReadInt64());

    private static void Write(BinaryWriter writer, VolumeReply reply)
    {
        switch (reply)
        {
            case Done:
                writer.Write((byte)ReplyKind.Done);
                break;
            case Entry entry:
                writer.Write((byte)ReplyKind.Entry);
                Write(writer, entry.Attributes);
                break;
            case DataWritten written:
                writer.Write((byte)ReplyKind.DataWritten);
                writer.Write(written.Offset.Value);
                writer.Write(written.Size.Value);
                break;
            case Refused refused:
                writer.Write((byte)ReplyKind.Refused);
                writer.Write((int)refused.Error);
                writer.Write(refused.Detail);
                break;
            case Allocated allocated:
                writer.Write((byte)ReplyKind.Allocated);
                writer.Write(allocated.UpTo.Value);
                break;
            default:
                throw new Protocol.InvariantBrokenException($"A {reply.GetType().Name} answers no change and is never kept.");
        }
    }

    private static VolumeReply ReadReply(BinaryReader reader)
    {
        var kind = (ReplyKind)reader.ReadByte();
        return kind switch
        {
            ReplyKind.Done => Done.Instance,
            ReplyKind.Entry => new Entry(ReadAttributes(reader)),
            ReplyKind.DataWritten => new DataWritten(new FileByteOffset(reader.ReadInt64()), new ByteCount(reader.ReadInt64())),
            ReplyKind.Refused => new Refused((VolumeError)reader.ReadInt32(), reader.ReadString()),
            ReplyKind.Allocated => new Allocated(new FileByteOffset(reader.ReadInt64())),
            _ => throw new InvalidDataException($"The journal holds an answer of unknown kind {(byte)kind}."),
        };
    }

    private static void Write(BinaryWriter writer, InodeAttributes attributes)
    {
        Write(writer, attributes.File);
        writer.Write((byte)attributes.Kind);
        writer.Write(attributes.Mode);
        writer.Write(attributes.Owner);
        writer.Write(attributes.Group);
        writer.Write(attributes.LinkCount);
        writer.Write(attributes.Size.Value);
        writer.Write(attributes.Allocated.Value);
        writer.Write(attributes.Device);
        writer.Write(attributes.Accessed.Value);
        writer.Write(attributes.Modified.Value);
        writer.Write(attributes.Changed.Value);
    }

    private static InodeAttributes ReadAttributes(BinaryReader reader) => new(
        ReadFile(reader),
        (FileKind)reader.ReadByte(),
        reader.ReadInt32(),
        reader.ReadUInt32(),
        reader.ReadUInt32(),
        reader.ReadInt32(),
        new ByteCount(reader.ReadInt64()),
        new ByteCount(reader.ReadInt64()),
        reader.ReadUInt32(),
        new FileTime(reader.ReadInt64()),
        new FileTime(reader.ReadInt64()),
        new FileTime(reader.ReadInt64()));
}
