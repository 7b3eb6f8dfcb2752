using System.Runtime.CompilerServices;
using System.Text;
using Covol.Fuse.Wire;

namespace Covol.Fuse;

/// <summary>
/// One request of the kernel and the memory it lives in. The object belongs to a slot of the server and is used again after the
/// answer. Fields and replies may be used by one thread at a time: the ring's, or the one it was handed to.
/// </summary>
public sealed unsafe partial class FuseRequest
{
    private const ulong ResentBit = 1UL << 63;
    private readonly FuseWorker _worker;
    private readonly byte* _data;
    private readonly byte* _body;
    private int _tailStart;
    private int _tailLength;

    internal FuseRequest(FuseWorker worker, int slot, nint memory, bool registered)
    {
        _worker = worker;
        Slot = slot;
        IsRegistered = registered;
        _segments = (Segment*)memory;
        _data = (byte*)memory + SlotLayout.DataStart;
        _body = _data - SlotLayout.BodyCopyBefore;
    }

    public FuseOpcode Opcode { get; private set; }

    /// <summary>
    /// The kernel's number of this request. Bit 63 is set when it was sent again to a successor; <see cref="Identity"/> is
    /// without it.
    /// </summary>
    public ulong Unique { get; private set; }

    /// <summary>What stays the same when the kernel sends a request again.</summary>
    public ulong Identity => Unique & ~ResentBit;

    /// <summary>A server before this one may have carried the request out.</summary>
    public bool IsResent => (Unique & ResentBit) != 0;

    /// <summary>The inode the request is about; for names their folder.</summary>
    public ulong Node { get; private set; }

    public uint UserId { get; private set; }

    public uint GroupId { get; private set; }

    /// <summary>0 when the kernel itself asks, or a process of another namespace.</summary>
    public uint ProcessId { get; private set; }

    /// <summary>For the handler: whatever belongs to this request. Empty at the start of each.</summary>
    public object? State { get; set; }

    /// <summary>For the handler, like <see cref="State"/>.</summary>
    public long StateA { get; set; }

    /// <summary>For the handler, like <see cref="State"/>.</summary>
    public long StateB { get; set; }

    /// <summary>
    /// The request's memory, page-aligned: the bytes of a WRITE, room for the answer of a READ. It is two pages longer than the
    /// largest request, so that a read or write that is not aligned can be done in whole blocks. For other requests it
    /// overlaps the
    /// names: take those first.
    /// </summary>
    public Span<byte> Data => new(_data, SlotLayout.DataLength);

    /// <summary>Address of <see cref="Data"/>.</summary>
    public nint DataAddress => (nint)_data;

    internal int Slot { get; }

    internal bool IsRegistered { get; }

    /// <summary>What became of the answer that another thread wrote: 0, or the negative errno.</summary>
    internal int Written { get; set; }

    /// <summary>Next in the list of requests that other threads gave back to the ring.</summary>
    internal int NextPosted { get; set; }

    /// <summary>It is in the queue of requests with segments to submit.</summary>
    internal bool IsQueuedForIo { get; set; }

    /// <summary>It counts among the lock requests that may wait.</summary>
    internal bool IsBlockingLock { get; set; }

    /// <summary>Bytes after the body: names and data.</summary>
    internal int TailLength => _tailLength;

    internal nint ReceiveAddress => (nint)(_data - SlotLayout.HeadersBefore);

    /// <summary>
    /// Takes apart what was read to <see cref="ReceiveAddress"/>. Null, or the sentence that says what is wrong.
    /// </summary>
    internal string? Parse(int length)
    {
        Opcode = FuseOpcode.None;
        ref readonly var header = ref Unsafe.AsRef<RequestHeader>(_data - SlotLayout.HeadersBefore);
        if (length < sizeof(RequestHeader) || header.Length != length)
        {
            return $"A request of {length} bytes says that it has {(length < sizeof(RequestHeader) ? 0 : header.Length)}.";
        }

        Opcode = (FuseOpcode)header.Opcode;
        Unique = header.Unique;
        Node = header.Node;
        UserId = header.UserId;
        GroupId = header.GroupId;
        ProcessId = header.ProcessId;
        _outcome = default;
        _phase = (int)Phase.Handling;
        State = null;
        StateA = 0;
        StateB = 0;

        var bodyLength = BodyLengths.Of(Opcode);
        _tailStart = sizeof(RequestHeader) - SlotLayout.HeadersBefore + bodyLength;
        _tailLength = length - sizeof(RequestHeader) - bodyLength - (header.ExtensionLength * 8);
        if (_tailLength < 0)
        {
            return $"A request {Opcode} of {length} bytes is too short for its body of {bodyLength}.";
        }

        Unsafe.CopyBlockUnaligned(_body, _data - SlotLayout.HeadersBefore + sizeof(RequestHeader), (uint)bodyLength);
        if (Opcode == FuseOpcode.Rename)
        {
            ((RenameBody*)_body)->Flags = 0;
        }

        if (Opcode == FuseOpcode.Write && ((WriteBody*)_body)->Size != _tailLength)
        {
            return $"A WRITE of {((WriteBody*)_body)->Size} bytes brought {_tailLength}.";
        }

        return null;
    }

    public ref readonly GetAttributesBody GetAttributes => ref Body<GetAttributesBody>(FuseOpcode.GetAttributes);

    public ref readonly SetAttributesBody SetAttributes => ref Body<SetAttributesBody>(FuseOpcode.SetAttributes);

    public ref readonly MakeNodeBody MakeNode => ref Body<MakeNodeBody>(FuseOpcode.MakeNode);

    public ref readonly MakeDirectoryBody MakeDirectory => ref Body<MakeDirectoryBody>(FuseOpcode.MakeDirectory);

    public ref readonly RenameBody Rename => ref Body<RenameBody>(FuseOpcode.Rename, FuseOpcode.Rename2);

    public ref readonly LinkBody Link => ref Body<LinkBody>(FuseOpcode.Link);

    public ref readonly OpenBody Open => ref Body<OpenBody>(FuseOpcode.Open, FuseOpcode.OpenDirectory);

    public ref readonly CreateBody Create => ref Body<CreateBody>(FuseOpcode.Create, FuseOpcode.TemporaryFile);

    public ref readonly ReleaseBody Release => ref Body<ReleaseBody>(FuseOpcode.Release, FuseOpcode.ReleaseDirectory);

    public ref readonly FlushBody Flush => ref Body<FlushBody>(FuseOpcode.Flush);

    public ref readonly ReadBody Read => ref Body<ReadBody>(FuseOpcode.Read);

    public ref readonly ReadBody ReadDirectory =>
        ref Body<ReadBody>(FuseOpcode.ReadDirectory, FuseOpcode.ReadDirectoryPlus);

    public ref readonly WriteBody Write => ref Body<WriteBody>(FuseOpcode.Write);

    public ref readonly SyncBody Sync => ref Body<SyncBody>(FuseOpcode.Sync, FuseOpcode.SyncDirectory);

    public ref readonly SetExtendedAttributeBody SetExtendedAttribute =>
        ref Body<SetExtendedAttributeBody>(FuseOpcode.SetExtendedAttribute);

    /// <summary>Also of LISTXATTR.</summary>
    public ref readonly GetExtendedAttributeBody GetExtendedAttribute =>
        ref Body<GetExtendedAttributeBody>(FuseOpcode.GetExtendedAttribute, FuseOpcode.ListExtendedAttributes);

    /// <summary>Of GETLK, SETLK and SETLKW.</summary>
    public ref readonly LockBody Lock => ref Body<LockBody>(FuseOpcode.GetLock, FuseOpcode.SetLock, FuseOpcode.SetLockWait);

    public ref readonly AccessBody Access => ref Body<AccessBody>(FuseOpcode.Access);

    public ref readonly ControlBody Control => ref Body<ControlBody>(FuseOpcode.Control);

    public ref readonly AllocateBody Allocate => ref Body<AllocateBody>(FuseOpcode.Allocate);

    public ref readonly SeekBody Seek => ref Body<SeekBody>(FuseOpcode.Seek);

    public ref readonly CopyBody CopyFileRange => ref Body<CopyBody>(FuseOpcode.CopyFileRange);

    public ref readonly ExtendedStatusBody ExtendedStatus => ref Body<ExtendedStatusBody>(FuseOpcode.ExtendedStatus);

    /// <summary>
    /// The first name as bytes, without the closing zero: the entry of LOOKUP, CREATE, UNLINK and the like, the old name of a
    /// rename, the new name of LINK and SYMLINK, the attribute's name.
    /// </summary>
    public ReadOnlySpan<byte> NameBytes => Word(0);

    /// <summary>The second name as bytes: the new name of a rename, the target of a symbolic link.</summary>
    public ReadOnlySpan<byte> SecondNameBytes => Word(1);

    /// <summary>The value of SETXATTR, the input of an ioctl.</summary>
    public ReadOnlySpan<byte> Value
    {
        get
        {
            var tail = new ReadOnlySpan<byte>(_data + _tailStart, _tailLength);
            var start = Opcode == FuseOpcode.SetExtendedAttribute ? tail.IndexOf((byte)0) + 1 : 0;
            return tail[start..];
        }
    }

    /// <summary>The first name as text. False: it is not UTF-8, or not there; answer EILSEQ.</summary>
    public bool TryGetName(out string name) => TryDecode(NameBytes, out name);

    /// <summary>Both names as text. False: one of them is not UTF-8, or not there.</summary>
    public bool TryGetNames(out string first, out string second)
    {
        second = "";
        return TryDecode(NameBytes, out first) && TryDecode(SecondNameBytes, out second);
    }

    private static bool TryDecode(ReadOnlySpan<byte> bytes, out string text)
    {
        text = "";
        if (bytes.IsEmpty || !System.Text.Unicode.Utf8.IsValid(bytes))
        {
            return false;
        }

        text = Encoding.UTF8.GetString(bytes);
        return true;
    }

    private ReadOnlySpan<byte> Word(int index)
    {
        var rest = new ReadOnlySpan<byte>(_data + _tailStart, _tailLength);
        for (; index > 0; index--)
        {
            var skipped = rest.IndexOf((byte)0);
            rest = skipped < 0 ? [] : rest[(skipped + 1)..];
        }

        var end = rest.IndexOf((byte)0);
        return end < 0 ? [] : rest[..end];
    }

    private ref readonly T Body<T>(FuseOpcode a, FuseOpcode b = FuseOpcode.None, FuseOpcode c = FuseOpcode.None)
        where T : unmanaged
    {
        if (Opcode != a && Opcode != b && Opcode != c)
        {
            throw new FuseContractException($"A request {Opcode} was asked for the body of {a}.");
        }

        return ref Unsafe.AsRef<T>(_body);
    }
}
