using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Locks;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Pb = Covol.Protocol.Wire.Messages;

namespace Covol.Protocol.Wire;

/// <summary>
/// Values that several messages carry, to the wire and back. Reading refuses what no correct peer sends, so that nothing above
/// the wire sees a negative length or an enum value without a name.
/// </summary>
internal static class WireValues
{
    public static Pb.FileId ToWire(this FileId file) => new() { Reference = file.Reference.Value, Birth = file.Birth };

    public static FileId FromWire(this Pb.FileId? file)
    {
        var present = Required(file, "file");
        return new FileId(new FileReference(present.Reference), present.Birth);
    }

    public static Pb.Attributes ToWire(this InodeAttributes attributes) => new()
    {
        File = attributes.File.ToWire(),
        Kind = (Pb.FileKind)attributes.Kind,
        Mode = attributes.Mode,
        Owner = attributes.Owner,
        Group = attributes.Group,
        LinkCount = attributes.LinkCount,
        Size = attributes.Size.Value,
        Allocated = attributes.Allocated.Value,
        Device = attributes.Device,
        Accessed = attributes.Accessed.Value,
        Modified = attributes.Modified.Value,
        Changed = attributes.Changed.Value,
        IsPlain = attributes.IsPlain,
    };

    public static InodeAttributes FromWire(this Pb.Attributes? attributes)
    {
        var present = Required(attributes, "attributes");
        return new InodeAttributes(
            present.File.FromWire(),
            present.Kind.FromWire(),
            Mode(present.Mode),
            present.Owner,
            present.Group,
            Count(present.LinkCount, "link count"),
            Bytes(present.Size, "size"),
            Bytes(present.Allocated, "allocated size"),
            present.Device,
            new FileTime(present.Accessed),
            new FileTime(present.Modified),
            new FileTime(present.Changed),
            present.IsPlain);
    }

    public static Pb.AttributeChange ToWire(this AttributeChange change)
    {
        var message = new Pb.AttributeChange();
        if (change.Mode is { } mode)
        {
            message.Mode = mode;
        }

        if (change.Owner is { } owner)
        {
            message.Owner = owner;
        }

        if (change.Group is { } group)
        {
            message.Group = group;
        }

        if (change.Accessed is { } accessed)
        {
            message.Accessed = accessed.Value;
        }

        if (change.Modified is { } modified)
        {
            message.Modified = modified.Value;
        }

        if (change.Changed is { } changed)
        {
            message.Changed = changed.Value;
        }

        return message;
    }

    public static AttributeChange FromWire(this Pb.AttributeChange? change)
    {
        var present = Required(change, "change");
        return new AttributeChange
        {
            Mode = present.HasMode ? Mode(present.Mode) : null,
            Owner = present.HasOwner ? present.Owner : null,
            Group = present.HasGroup ? present.Group : null,
            Accessed = present.HasAccessed ? new FileTime(present.Accessed) : null,
            Modified = present.HasModified ? new FileTime(present.Modified) : null,
            Changed = present.HasChanged ? new FileTime(present.Changed) : null,
        };
    }

    public static Pb.NewInode ToWire(this NewInode inode)
    {
        var message = new Pb.NewInode
        {
            Kind = (Pb.FileKind)inode.Kind,
            Mode = inode.Mode,
            Owner = inode.Owner,
            Group = inode.Group,
            Device = inode.Device,
        };
        if (inode.Target is { } target)
        {
            message.Target = target;
        }

        return message;
    }

    public static NewInode FromWire(this Pb.NewInode? inode)
    {
        var present = Required(inode, "inode");
        return new NewInode(
            present.Kind.FromWire(),
            Mode(present.Mode),
            present.Owner,
            present.Group,
            present.Device,
            present.HasTarget ? present.Target : null);
    }

    public static Pb.Layout ToWire(this Layout layout)
    {
        var message = new Pb.Layout
        {
            File = layout.File.ToWire(),
            Generation = layout.Generation.Value,
            Access = (Pb.LayoutAccess)layout.Access,
            ValidLength = layout.ValidLength.Value,
            TailEnd = layout.TailEnd.Value,
            IsPart = layout.IsPart,
        };
        foreach (var extent in layout.Extents)
        {
            message.Extents.Add(new Pb.Extent
            {
                FileStart = extent.FileStart.Value,
                LunStart = extent.LunStart.Value,
                Length = extent.Length.Value,
            });
        }

        return message;
    }

    public static Layout FromWire(this Pb.Layout message)
    {
        var extents = new FileExtent[message.Extents.Count];
        for (var index = 0; index < extents.Length; index++)
        {
            extents[index] = message.Extents[index].FromWire();
        }

        return new Layout(
            message.File.FromWire(),
            new LayoutGeneration(message.Generation),
            message.Access.FromWire(),
            extents,
            Bytes(message.ValidLength, "valid length"))
        {
            TailEnd = new FileByteOffset(NotNegative(message.TailEnd, "tail")),
            IsPart = message.IsPart,
        };
    }

    public static Pb.HeldLock ToWire(this HeldLock held) => new()
    {
        Owner = held.Owner.Value,
        ProcessId = held.ProcessId,
        Kind = (Pb.LockKind)held.Kind,
        Mode = held.Mode.ToWire(),
        Range = held.Range.ToWire(),
    };

    public static HeldLock FromWire(this Pb.HeldLock held) => new(
        new LockOwner(held.Owner), held.ProcessId, held.Kind.FromWire(), held.Mode.FromWire(), held.Range.FromWire());

    public static Pb.LockRange ToWire(this LockRange range) => new() { First = range.First, Last = range.Last };

    public static LockRange FromWire(this Pb.LockRange? range)
    {
        var present = Required(range, "range");
        return present.First >= 0 && present.Last >= present.First
            ? new LockRange(present.First, present.Last)
            : throw new WireFormatException($"A lock's range goes from {present.First} to {present.Last}.");
    }

    // F_RDLCK is 0, and 0 is "not said" on the wire.
    public static Pb.LockMode ToWire(this LockMode mode) => (Pb.LockMode)((int)mode + 1);

    public static Pb.RenameMode ToWire(this RenameMode mode) => (Pb.RenameMode)((int)mode + 1);

    public static Pb.AllocationMode ToWire(this AllocationMode mode) => (Pb.AllocationMode)((int)mode + 1);

    public static LockMode FromWire(this Pb.LockMode mode) => Known((LockMode)((int)mode - 1));

    public static RenameMode FromWire(this Pb.RenameMode mode) => Known((RenameMode)((int)mode - 1));

    public static AllocationMode FromWire(this Pb.AllocationMode mode) => Known((AllocationMode)((int)mode - 1));

    public static LockKind FromWire(this Pb.LockKind kind) => Known((LockKind)kind);

    public static LayoutAccess FromWire(this Pb.LayoutAccess access) => Known((LayoutAccess)access);

    public static OpenAccess FromWire(this Pb.OpenAccess access) => Known((OpenAccess)access);

    public static VolumeError FromWire(this Pb.Error error) => Known((VolumeError)error);

    public static FileKind FromWire(this Pb.FileKind kind) => (int)kind is >= 0 and <= byte.MaxValue
        ? Known((FileKind)kind)
        : throw new WireFormatException($"{(int)kind} is no FileKind that this program knows.");

    public static ByteCount Bytes(long value, string what) => new(NotNegative(value, what));

    public static FileByteOffset Offset(long value) => new(NotNegative(value, "offset"));

    public static int Count(int value, string what) => (int)NotNegative(value, what);

    public static TimeSpan Span(long ticks, string what) => TimeSpan.FromTicks(NotNegative(ticks, what));

    public static long NotNegative(long value, string what) =>
        value >= 0 ? value : throw new WireFormatException($"A message's {what} is {value}.");

    public static T Required<T>(T? value, string what)
        where T : class => value ?? throw new WireFormatException($"A message lacks its {what}.");

    private static FileExtent FromWire(this Pb.Extent extent)
    {
        if (extent.FileStart < 0 || extent.LunStart < 0 || extent.Length <= 0
            || extent.FileStart > long.MaxValue - extent.Length || extent.LunStart > long.MaxValue - extent.Length)
        {
            throw new WireFormatException(
                $"An extent of {extent.Length} bytes at file offset {extent.FileStart}, LUN offset {extent.LunStart} cannot be.");
        }

        return new FileExtent(
            new FileByteOffset(extent.FileStart), new LunByteOffset(extent.LunStart), new ByteCount(extent.Length));
    }

    private static int Mode(int mode) => mode is >= 0 and <= 0xFFF
        ? mode
        : throw new WireFormatException($"A mode of 0x{mode:x} has bits outside the low 12.");

    private static T Known<T>(T value)
        where T : struct, Enum => Enum.IsDefined(value)
            ? value
            : throw new WireFormatException($"{value} is no {typeof(T).Name} that this program knows.");
}
