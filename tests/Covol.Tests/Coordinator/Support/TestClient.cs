using System.Collections.Concurrent;
using Covol.Coordinator;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Transport;
using Shouldly;

namespace Covol.Tests.Coordinator.Support;

/// <summary>A client that speaks to a coordinator in the same process, one request a slot at a time, as a mount would.</summary>
internal sealed class TestClient : IVolumeCaller
{
    private readonly ConcurrentQueue<VolumeNotice> _notices = new();
    private readonly ConcurrentDictionary<int, long> _sequences = new();
    private VolumeCoordinator _coordinator;
    private int _lastHandle;
    private int _lastTold;

    public TestClient(VolumeCoordinator coordinator, int node)
    {
        _coordinator = coordinator;
        Node = new NodeId(node);
        DataKey = new ReservationKey(0xD000 + (ulong)node);
    }

    public NodeId Node { get; }

    public Guid MountId { get; } = Guid.NewGuid();

    public ReservationKey DataKey { get; set; }

    public SessionOpened Session { get; private set; } = null!;

    public FileId Root { get; private set; }

    public string? ClosedBecause { get; private set; }

    /// <summary>Returns layouts as soon as they are recalled.</summary>
    public bool AnswersRecalls { get; set; } = true;

    /// <summary>Keeps attributes where it may; answers their recalls only with <see cref="AnswersAttributeRecalls"/>.</summary>
    public bool TakesAttributeLeases { get; set; }

    public bool AnswersAttributeRecalls { get; set; } = true;

    /// <summary>What it answers when it is asked what it wrote in a tail; null: nothing. As a client that knows no tail, at first.</summary>
    public Func<ReportTail, CommitLayout?> AnswersTails { get; set; } =
        asked => new CommitLayout(asked.File, asked.Generation, [], asked.Ticket, IsLast: true);

    public IReadOnlyCollection<VolumeNotice> Notices => _notices;

    public void Notify(VolumeNotice notice)
    {
        _notices.Enqueue(notice);
        if (notice is RecallLayout recall && AnswersRecalls)
        {
            _ = AskAsync(new ReturnLayout(recall.File, recall.Generation), slot: Session.SlotCount);
        }

        if (notice is RecallAttributes attributes && AnswersAttributeRecalls)
        {
            _ = AskAsync(new ReturnAttributes(attributes.Recall), slot: Session.SlotCount + 10);
        }

        if (notice is ReportTail asked && AnswersTails(asked) is { } told)
        {
            _ = AskAsync(told, slot: Session.SlotCount + 1 + (Interlocked.Increment(ref _lastTold) % 8));
        }
    }

    public void Close(string reason) => ClosedBecause = reason;

    public async Task<TestClient> BeginAsync(SessionId? resume = null)
    {
        var reply = (await SendAsync(
            new RequestId(default, 0, 0), Opening(resume), default)).Reply;
        Session = reply.ShouldBeOfType<SessionOpened>();
        Root = (await AskAsync<Entry>(new GetRoot())).Attributes.File;
        return this;
    }

    /// <summary>Goes on at another coordinator, with the slots as they are.</summary>
    public async Task<SessionOpened> MoveToAsync(VolumeCoordinator coordinator)
    {
        _coordinator = coordinator;
        var reply = (await SendAsync(
            new RequestId(default, 0, 0), Opening(Session.Session), default)).Reply;
        return Session = reply.ShouldBeOfType<SessionOpened>();
    }

    private OpenSession Opening(SessionId? resume) =>
        new(Node, MountId, DataKey, 64, resume) { TakesAttributeLeases = TakesAttributeLeases };

    public RequestId NextId(int slot = 0) => new(Session.Session, slot, _sequences.AddOrUpdate(slot, 1, (_, last) => last + 1));

    public Task<VolumeAnswer> SendAsync(RequestId id, VolumeRequest request, ReadOnlyMemory<byte> data = default) =>
        _coordinator.CallAsync(this, new VolumeCall(id, _coordinator.Epoch, request, data), CancellationToken.None).AsTask();

    public async Task<VolumeReply> AskAsync(VolumeRequest request, int slot = 0, ReadOnlyMemory<byte> data = default) =>
        (await SendAsync(NextId(slot), request, data).WaitAsync(TimeSpan.FromSeconds(20))).Reply;

    public async Task<T> AskAsync<T>(VolumeRequest request, int slot = 0, ReadOnlyMemory<byte> data = default)
        where T : VolumeReply => (await AskAsync(request, slot, data)).ShouldBeOfType<T>();

    public async Task<VolumeError> RefusalAsync(VolumeRequest request, int slot = 0, ReadOnlyMemory<byte> data = default) =>
        (await AskAsync<Refused>(request, slot, data)).Error;

    public async Task<(FileId File, HandleId Handle)> CreateAsync(string name)
    {
        var handle = new HandleId(Interlocked.Increment(ref _lastHandle));
        var entry = await AskAsync<Entry>(NewFile(name, handle));
        return (entry.Attributes.File, handle);
    }

    public Create NewFile(string name, HandleId? handle) =>
        new(Root, name, new NewInode(FileKind.Regular, 0x1A4, 0, 0), handle, OpenExisting: false, Truncate: false);

    public async Task<HandleId> OpenAsync(FileId file)
    {
        var handle = new HandleId(Interlocked.Increment(ref _lastHandle));
        await AskAsync<Entry>(new Open(file, handle, OpenAccess.ReadWrite, Truncate: false));
        return handle;
    }

    public Task<DataWritten> WriteAsync(FileId file, long offset, byte[] data, int slot = 0) =>
        AskAsync<DataWritten>(new WriteData(file, new FileByteOffset(offset), Append: false, ClearSetId: false), slot, data);

    public Task<DataWritten> AppendAsync(FileId file, byte[] data, int slot = 0) =>
        AskAsync<DataWritten>(new WriteData(file, default, Append: true, ClearSetId: false), slot, data);

    public async Task<byte[]> ReadAsync(FileId file, long offset, int length, int slot = 0)
    {
        var answer = await SendAsync(NextId(slot), new ReadData(file, new FileByteOffset(offset), length));
        var read = answer.Reply.ShouldBeOfType<DataRead>();
        read.Length.ShouldBe(answer.Data.Length);
        return answer.Data.ToArray();
    }

    public async Task<Layout> LayoutAsync(FileId file, LayoutAccess access = LayoutAccess.ReadWrite) =>
        (await AskAsync<LayoutGranted>(new GetLayout(file, access))).Layout.ShouldNotBeNull();

    public async Task<InodeAttributes> AttributesAsync(FileId file, int slot = 0) =>
        (await AskAsync<Entry>(new GetAttributes(file), slot)).Attributes;
}
