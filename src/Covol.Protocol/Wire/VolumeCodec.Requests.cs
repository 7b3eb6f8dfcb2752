using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Locks;
using Covol.Protocol.Volume;
using Google.Protobuf;
using Pb = Covol.Protocol.Wire.Messages;

namespace Covol.Protocol.Wire;

/// <content>Requests.</content>
public static partial class VolumeCodec
{
    private const int MountIdLength = 16;

    private static Pb.Request ToWire(VolumeRequest request) => request switch
    {
        OpenSession it => new() { OpenSession = ToWire(it) },
        RenewLease => new() { RenewLease = new() },
        CloseSession => new() { CloseSession = new() },
        ReclaimHandle it => new() { ReclaimHandle = ToWire(it) },
        ReclaimComplete => new() { ReclaimComplete = new() },
        Lookup it => new() { Lookup = new() { Directory = it.Directory.ToWire(), Name = it.Name } },
        GetRoot => new() { GetRoot = new() },
        GetAttributes it => new() { GetAttributes = new() { File = it.File.ToWire() } },
        SetAttributes it => new() { SetAttributes = new() { File = it.File.ToWire(), Change = it.Change.ToWire() } },
        Create it => new() { Create = ToWire(it) },
        Link it => new() { Link = new() { File = it.File.ToWire(), Directory = it.Directory.ToWire(), Name = it.Name } },
        Unlink it => new()
        {
            Unlink = new()
            {
                Directory = it.Directory.ToWire(),
                Name = it.Name,
                IsDirectory = it.IsDirectory,
                Known = it.Known?.ToWire(),
            },
        },
        ReturnAttributes it => new() { ReturnAttributes = new() { Recall = it.Recall } },
        ReturnAllAttributes => new() { ReturnAllAttributes = new() },
        Rename it => new()
        {
            Rename = new()
            {
                FromDirectory = it.FromDirectory.ToWire(),
                FromName = it.FromName,
                ToDirectory = it.ToDirectory.ToWire(),
                ToName = it.ToName,
                Mode = it.Mode.ToWire(),
            },
        },
        ReadLink it => new() { ReadLink = new() { File = it.File.ToWire() } },
        ListDirectory it => new() { ListDirectory = ToWire(it) },
        GetSpace => new() { GetSpace = new() },
        GetExtendedAttribute it => new() { GetExtendedAttribute = new() { File = it.File.ToWire(), Name = it.Name } },
        SetExtendedAttribute it => new()
        {
            SetExtendedAttribute = new()
            {
                File = it.File.ToWire(),
                Name = it.Name,
                Value = ByteString.CopyFrom(it.Value.Span),
                MustExist = it.MustExist,
                MustNotExist = it.MustNotExist,
            },
        },
        ListExtendedAttributes it => new() { ListExtendedAttributes = new() { File = it.File.ToWire() } },
        RemoveExtendedAttribute it => new() { RemoveExtendedAttribute = new() { File = it.File.ToWire(), Name = it.Name } },
        Open it => new()
        {
            Open = new()
            {
                File = it.File.ToWire(),
                Handle = it.Handle.Value,
                Access = (Pb.OpenAccess)it.Access,
                Truncate = it.Truncate,
            },
        },
        Close it => new() { Close = new() { Handle = it.Handle.Value } },
        ReadData it => new() { ReadData = new() { File = it.File.ToWire(), Offset = it.Offset.Value, Length = it.Length } },
        WriteData it => new()
        {
            WriteData = new()
            {
                File = it.File.ToWire(),
                Offset = it.Offset.Value,
                Append = it.Append,
                ClearSetId = it.ClearSetId,
            },
        },
        SetSize it => new() { SetSize = new() { File = it.File.ToWire(), Size = it.Size.Value } },
        Allocate it => new()
        {
            Allocate = new()
            {
                File = it.File.ToWire(),
                Mode = it.Mode.ToWire(),
                Offset = it.Offset.Value,
                Length = it.Length.Value,
            },
        },
        Synchronize it => new() { Synchronize = new() { File = it.File.ToWire(), WroteDirectly = it.WroteDirectly } },
        NoteDirectWrites it => new() { NoteDirectWrites = new() { File = it.File.ToWire() } },
        NoteFailedFlush it => new() { NoteFailedFlush = new() { File = it.File.ToWire() } },
        FenceKey it => new() { FenceKey = new() { DataKey = it.DataKey.Value } },
        FindData it => new() { FindData = new() { File = it.File.ToWire(), Offset = it.Offset.Value, Hole = it.Hole } },
        GetLayout it => new() { GetLayout = ToWire(it) },
        ReturnLayout it => new() { ReturnLayout = new() { File = it.File.ToWire(), Generation = it.Generation.Value } },
        CommitLayout it => new() { CommitLayout = ToWire(it) },
        TestLock it => new()
        {
            TestLock = new()
            {
                File = it.File.ToWire(),
                Handle = it.Handle.Value,
                Owner = it.Owner.Value,
                Kind = (Pb.LockKind)it.Kind,
                Mode = it.Mode.ToWire(),
                Range = it.Range.ToWire(),
            },
        },
        SetLock it => new()
        {
            SetLock = new()
            {
                File = it.File.ToWire(),
                Handle = it.Handle.Value,
                Owner = it.Owner.Value,
                ProcessId = it.ProcessId,
                Kind = (Pb.LockKind)it.Kind,
                Mode = it.Mode.ToWire(),
                Range = it.Range.ToWire(),
                Wait = it.Wait,
            },
        },
        CancelLock it => new() { CancelLock = new() { File = it.File.ToWire(), Ticket = it.Ticket } },
        ReleaseOwner it => new() { ReleaseOwner = new() { File = it.File.ToWire(), Owner = it.Owner.Value } },
        _ => throw new WireFormatException($"A {request.GetType().Name} has no place in the wire format."),
    };

    private static VolumeRequest FromWire(Pb.Request request) => request.KindCase switch
    {
        Pb.Request.KindOneofCase.OpenSession => FromWire(request.OpenSession),
        Pb.Request.KindOneofCase.RenewLease => new RenewLease(),
        Pb.Request.KindOneofCase.CloseSession => new CloseSession(),
        Pb.Request.KindOneofCase.ReclaimHandle => FromWire(request.ReclaimHandle),
        Pb.Request.KindOneofCase.ReclaimComplete => new ReclaimComplete(),
        Pb.Request.KindOneofCase.Lookup => new Lookup(request.Lookup.Directory.FromWire(), request.Lookup.Name),
        Pb.Request.KindOneofCase.GetRoot => new GetRoot(),
        Pb.Request.KindOneofCase.GetAttributes => new GetAttributes(request.GetAttributes.File.FromWire()),
        Pb.Request.KindOneofCase.SetAttributes => new SetAttributes(
            request.SetAttributes.File.FromWire(), request.SetAttributes.Change.FromWire()),
        Pb.Request.KindOneofCase.Create => FromWire(request.Create),
        Pb.Request.KindOneofCase.Link => new Link(
            request.Link.File.FromWire(), request.Link.Directory.FromWire(), request.Link.Name),
        Pb.Request.KindOneofCase.Unlink => new Unlink(
            request.Unlink.Directory.FromWire(), request.Unlink.Name, request.Unlink.IsDirectory)
        {
            Known = request.Unlink.Known?.FromWire(),
        },
        Pb.Request.KindOneofCase.ReturnAttributes => new ReturnAttributes(request.ReturnAttributes.Recall),
        Pb.Request.KindOneofCase.ReturnAllAttributes => new ReturnAllAttributes(),
        Pb.Request.KindOneofCase.Rename => new Rename(
            request.Rename.FromDirectory.FromWire(),
            request.Rename.FromName,
            request.Rename.ToDirectory.FromWire(),
            request.Rename.ToName,
            request.Rename.Mode.FromWire()),
        Pb.Request.KindOneofCase.ReadLink => new ReadLink(request.ReadLink.File.FromWire()),
        Pb.Request.KindOneofCase.ListDirectory => new ListDirectory(
            request.ListDirectory.Directory.FromWire(),
            request.ListDirectory.HasAfter ? request.ListDirectory.After : null,
            request.ListDirectory.WithAttributes),
        Pb.Request.KindOneofCase.GetSpace => new GetSpace(),
        Pb.Request.KindOneofCase.GetExtendedAttribute => new GetExtendedAttribute(
            request.GetExtendedAttribute.File.FromWire(), request.GetExtendedAttribute.Name),
        Pb.Request.KindOneofCase.SetExtendedAttribute => FromWire(request.SetExtendedAttribute),
        Pb.Request.KindOneofCase.ListExtendedAttributes => new ListExtendedAttributes(request.ListExtendedAttributes.File.FromWire()),
        Pb.Request.KindOneofCase.RemoveExtendedAttribute => new RemoveExtendedAttribute(
            request.RemoveExtendedAttribute.File.FromWire(), request.RemoveExtendedAttribute.Name),
        Pb.Request.KindOneofCase.Open => new Open(
            request.Open.File.FromWire(), new HandleId(request.Open.Handle), request.Open.Access.FromWire(), request.Open.Truncate),
        Pb.Request.KindOneofCase.Close => new Close(new HandleId(request.Close.Handle)),
        Pb.Request.KindOneofCase.ReadData => new ReadData(
            request.ReadData.File.FromWire(), WireValues.Offset(request.ReadData.Offset), DataLength(request.ReadData.Length)),
        Pb.Request.KindOneofCase.WriteData => new WriteData(
            request.WriteData.File.FromWire(),
            WireValues.Offset(request.WriteData.Offset),
            request.WriteData.Append,
            request.WriteData.ClearSetId),
        Pb.Request.KindOneofCase.SetSize => new SetSize(
            request.SetSize.File.FromWire(), WireValues.Bytes(request.SetSize.Size, "size")),
        Pb.Request.KindOneofCase.Allocate => new Allocate(
            request.Allocate.File.FromWire(),
            request.Allocate.Mode.FromWire(),
            WireValues.Offset(request.Allocate.Offset),
            WireValues.Bytes(request.Allocate.Length, "length")),
        Pb.Request.KindOneofCase.Synchronize => new Synchronize(
            request.Synchronize.File.FromWire(), request.Synchronize.WroteDirectly),
        Pb.Request.KindOneofCase.NoteDirectWrites => new NoteDirectWrites(request.NoteDirectWrites.File.FromWire()),
        Pb.Request.KindOneofCase.NoteFailedFlush => new NoteFailedFlush(request.NoteFailedFlush.File.FromWire()),
        Pb.Request.KindOneofCase.FenceKey => new FenceKey(new ReservationKey(request.FenceKey.DataKey)),
        Pb.Request.KindOneofCase.FindData => new FindData(
            request.FindData.File.FromWire(), WireValues.Offset(request.FindData.Offset), request.FindData.Hole),
        Pb.Request.KindOneofCase.GetLayout => FromWire(request.GetLayout),
        Pb.Request.KindOneofCase.ReturnLayout => new ReturnLayout(
            request.ReturnLayout.File.FromWire(), new LayoutGeneration(request.ReturnLayout.Generation)),
        Pb.Request.KindOneofCase.CommitLayout => FromWire(request.CommitLayout),
        Pb.Request.KindOneofCase.TestLock => FromWire(request.TestLock),
        Pb.Request.KindOneofCase.SetLock => FromWire(request.SetLock),
        Pb.Request.KindOneofCase.CancelLock => new CancelLock(request.CancelLock.File.FromWire(), request.CancelLock.Ticket),
        Pb.Request.KindOneofCase.ReleaseOwner => new ReleaseOwner(
            request.ReleaseOwner.File.FromWire(), new LockOwner(request.ReleaseOwner.Owner)),
        _ => throw new WireFormatException("A request is of a kind that this program does not know."),
    };

    private static Pb.OpenSession ToWire(OpenSession request)
    {
        Span<byte> mountId = stackalloc byte[MountIdLength];
        request.MountId.TryWriteBytes(mountId, bigEndian: true, out _);
        var message = new Pb.OpenSession
        {
            Node = request.Node.Value,
            MountId = ByteString.CopyFrom(mountId),
            DataKey = request.DataKey.Value,
            SlotCount = request.SlotCount,
            TakesAttributeLeases = request.TakesAttributeLeases,
        };
        if (request.Resume is { } resume)
        {
            message.Resume = resume.Value;
        }

        return message;
    }

    private static OpenSession FromWire(Pb.OpenSession message)
    {
        if (message.Node is < 1 or > WireLimits.NodesMax)
        {
            throw new WireFormatException($"Node {message.Node} cannot be: nodes run from 1 to {WireLimits.NodesMax}.");
        }

        if (message.MountId.Length != MountIdLength)
        {
            throw new WireFormatException($"A mount id has {MountIdLength} bytes, not {message.MountId.Length}.");
        }

        return new OpenSession(
            new NodeId(message.Node),
            new Guid(message.MountId.Span, bigEndian: true),
            new ReservationKey(message.DataKey),
            WireValues.Count(message.SlotCount, "slot count"),
            message.HasResume ? new SessionId(WireValues.NotNegative(message.Resume, "session")) : null)
        {
            TakesAttributeLeases = message.TakesAttributeLeases,
        };
    }

    private static Pb.ReclaimHandle ToWire(ReclaimHandle request)
    {
        var message = new Pb.ReclaimHandle
        {
            File = request.File.ToWire(),
            Handle = request.Handle.Value,
            Access = (Pb.OpenAccess)request.Access,
            Layout = request.Layout?.ToWire(),
        };
        foreach (var held in request.Locks)
        {
            message.Locks.Add(held.ToWire());
        }

        return message;
    }

    private static ReclaimHandle FromWire(Pb.ReclaimHandle message)
    {
        var locks = new HeldLock[message.Locks.Count];
        for (var index = 0; index < locks.Length; index++)
        {
            locks[index] = message.Locks[index].FromWire();
        }

        return new ReclaimHandle(
            message.File.FromWire(),
            new HandleId(message.Handle),
            message.Access.FromWire(),
            locks,
            message.Layout?.FromWire());
    }

    private static Pb.GetLayout ToWire(GetLayout request)
    {
        var message = new Pb.GetLayout
        {
            File = request.File.ToWire(),
            Access = (Pb.LayoutAccess)request.Access,
            WithTail = request.WithTail,
            From = request.From.Value,
        };
        if (request.Extends is { } extends)
        {
            message.Extends = extends.Value;
        }

        return message;
    }

    private static GetLayout FromWire(Pb.GetLayout message) => new(
        message.File.FromWire(),
        message.Access.FromWire(),
        message.WithTail,
        message.HasExtends ? new LayoutGeneration(message.Extends) : null,
        WireValues.Offset(message.From));

    private static Pb.CommitLayout ToWire(CommitLayout request)
    {
        var message = new Pb.CommitLayout
        {
            File = request.File.ToWire(),
            Generation = request.Generation.Value,
            Ticket = request.Ticket,
            IsLast = request.IsLast,
        };
        foreach (var range in request.Written)
        {
            message.Written.Add(new Pb.WrittenRange { Start = range.Start.Value, End = range.End.Value });
        }

        return message;
    }

    private static CommitLayout FromWire(Pb.CommitLayout message)
    {
        var written = new WrittenRange[message.Written.Count];
        for (var index = 0; index < written.Length; index++)
        {
            var range = message.Written[index];
            written[index] = new WrittenRange(WireValues.Offset(range.Start), WireValues.Offset(range.End));
        }

        return new CommitLayout(
            message.File.FromWire(), new LayoutGeneration(message.Generation), written, message.Ticket, message.IsLast);
    }

    private static Pb.Create ToWire(Create request)
    {
        var message = new Pb.Create
        {
            Directory = request.Directory.ToWire(),
            Name = request.Name,
            Inode = request.Inode.ToWire(),
            OpenExisting = request.OpenExisting,
            Truncate = request.Truncate,
        };
        if (request.Handle is { } handle)
        {
            message.Handle = handle.Value;
        }

        return message;
    }

    private static Create FromWire(Pb.Create message) => new(
        message.Directory.FromWire(),
        message.Name,
        message.Inode.FromWire(),
        message.HasHandle ? new HandleId(message.Handle) : null,
        message.OpenExisting,
        message.Truncate);

    private static Pb.ListDirectory ToWire(ListDirectory request)
    {
        var message = new Pb.ListDirectory { Directory = request.Directory.ToWire(), WithAttributes = request.WithAttributes };
        if (request.After is { } after)
        {
            message.After = after;
        }

        return message;
    }

    private static SetExtendedAttribute FromWire(Pb.SetExtendedAttribute message) => new(
        message.File.FromWire(), message.Name, message.Value.Memory, message.MustExist, message.MustNotExist);

    private static TestLock FromWire(Pb.TestLock message) => new(
        message.File.FromWire(),
        new HandleId(message.Handle),
        new LockOwner(message.Owner),
        message.Kind.FromWire(),
        message.Mode.FromWire(),
        message.Range.FromWire());

    private static SetLock FromWire(Pb.SetLock message) => new(
        message.File.FromWire(),
        new HandleId(message.Handle),
        new LockOwner(message.Owner),
        message.ProcessId,
        message.Kind.FromWire(),
        message.Mode.FromWire(),
        message.Range.FromWire(),
        message.Wait);
}
