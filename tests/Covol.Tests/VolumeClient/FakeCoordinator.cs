using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Transport;

namespace Covol.Tests.VolumeClient;

/// <summary>
/// A coordinator over dictionaries that keeps the protocol's promises: sessions, slots with remembered answers, epochs, grace.
/// What tests look at is public. A successor takes over its journal (sessions, answers, files), not its open handles, locks and layouts.
/// </summary>
internal sealed class FakeCoordinator
{
    public const int BlockSize = 512;

    private readonly Lock _gate = new();
    private readonly Journal _journal;
    private readonly List<FakeConnection> _connections = [];

    public FakeCoordinator(long epoch)
        : this(epoch, new Journal())
    {
    }

    private FakeCoordinator(long epoch, Journal journal)
    {
        Epoch = new Epoch(epoch);
        _journal = journal;
    }

    public Epoch Epoch { get; }

    public List<VolumeCall> Calls { get; } = [];

    public List<VolumeRequest> Executed { get; } = [];

    public Dictionary<HandleId, FileId> Handles { get; } = [];

    /// <summary>What each session gave back so far; a further part adds locks.</summary>
    public List<ReclaimHandle> Reclaimed { get; } = [];

    /// <summary>Newest keys of sessions, in the order in which they were opened and resumed.</summary>
    public List<ReservationKey> DataKeys { get; } = [];

    public Dictionary<FileId, byte[]> Files => _journal.Files;

    public bool InGrace { get; set; }

    /// <summary>How long attributes may be kept; zero: not at all.</summary>
    public TimeSpan AttributeLease { get; set; }

    /// <summary>Set by tests: sees each request first; a reply ends it there.</summary>
    public Func<VolumeRequest, VolumeReply?>? Intercept { get; set; }

    /// <summary>Breaks the connection after carrying out the next request of this type, before its answer.</summary>
    public Type? BreakAfter { get; set; }

    /// <summary>Breaks it before carrying the request out.</summary>
    public Type? BreakBefore { get; set; }

    /// <summary>Requests that get no answer: their callers wait until the connection ends or they give up.</summary>
    public Func<VolumeRequest, bool>? Silent { get; set; }

    public FileId AddFile(int number, int length)
    {
        var id = new FileId(new FileReference((ulong)number, 1), number);
        var content = new byte[length];
        for (var index = 0; index < length; index++)
        {
            content[index] = (byte)(index * 7);
        }

        Files[id] = content;
        return id;
    }

    public FakeCoordinator Successor(long epoch) => new(epoch, _journal) { InGrace = true };

    public FakeConnection Connect(Action<VolumeNotice> notices)
    {
        var connection = new FakeConnection(this, notices);
        lock (_gate)
        {
            _connections.Add(connection);
        }

        return connection;
    }

    public void Notify(VolumeNotice notice)
    {
        FakeConnection[] connections;
        lock (_gate)
        {
            connections = [.. _connections.Where(connection => !connection.Closed.IsCompleted)];
        }

        foreach (var connection in connections)
        {
            connection.Notices(notice);
        }
    }

    public void BreakConnections()
    {
        lock (_gate)
        {
            foreach (var connection in _connections)
            {
                connection.Break("The test broke the connection.");
            }
        }
    }

    public void ForgetSessions()
    {
        lock (_gate)
        {
            _journal.Sessions.Clear();
        }
    }

    public List<T> ExecutedOf<T>()
        where T : VolumeRequest
    {
        lock (_gate)
        {
            return [.. Executed.OfType<T>()];
        }
    }

    public List<VolumeCall> CallsOf<T>()
        where T : VolumeRequest
    {
        lock (_gate)
        {
            return [.. Calls.Where(call => call.Request is T)];
        }
    }

    public bool LeavesUnanswered(VolumeCall call)
    {
        lock (_gate)
        {
            if (Silent?.Invoke(call.Request) is not true)
            {
                return false;
            }

            Calls.Add(call);
            return true;
        }
    }

    public VolumeAnswer Serve(FakeConnection connection, VolumeCall call, Memory<byte> answerData)
    {
        lock (_gate)
        {
            Calls.Add(call);
            if (BreakBefore == call.Request.GetType())
            {
                BreakBefore = null;
                connection.Break("Broken before.");
                throw new ConnectionLostException();
            }

            var answer = new VolumeAnswer(Epoch, Reply(call, answerData, out var length), answerData[..length]);
            if (BreakAfter == call.Request.GetType())
            {
                BreakAfter = null;
                connection.Break("Broken after.");
                throw new ConnectionLostException();
            }

            return answer;
        }
    }

    private VolumeReply Reply(VolumeCall call, Memory<byte> answerData, out int length)
    {
        length = 0;
        if (call.Epoch != Epoch)
        {
            return new Refused(VolumeError.WrongEpoch, $"This is {Epoch}.");
        }

        if (call.Request is OpenSession open)
        {
            return Opened(open);
        }

        if (!_journal.Sessions.TryGetValue(call.Id.Session, out var slots))
        {
            return new Refused(VolumeError.SessionUnknown, "No such session.");
        }

        if (InGrace && call.Request is not (ReclaimHandle or ReclaimComplete or RenewLease))
        {
            return new Refused(VolumeError.InGrace, "Grace.");
        }

        var (sequence, remembered) = slots.GetValueOrDefault(call.Id.Slot);
        if (call.Id.Sequence == sequence && remembered is not null)
        {
            return remembered;
        }

        if (call.Id.Sequence != sequence + 1)
        {
            return new Refused(VolumeError.BadRequest, $"Sequence {call.Id.Sequence} after {sequence}.");
        }

        Executed.Add(call.Request);
        var reply = Intercept?.Invoke(call.Request) ?? Execute(call, answerData, out length);
        if (reply is not Refused { Error: VolumeError.NotServing or VolumeError.AskAgain })
        {
            slots[call.Id.Slot] = (call.Id.Sequence, reply);
        }

        return reply;
    }

    private VolumeReply Opened(OpenSession open)
    {
        if (open.Resume is { } resume && !_journal.Sessions.ContainsKey(resume))
        {
            return new Refused(VolumeError.SessionUnknown, "That session has ended.");
        }

        DataKeys.Add(open.DataKey);
        var id = open.Resume ?? new SessionId(++_journal.LastSession);
        _journal.Sessions.TryAdd(id, []);
        return new SessionOpened(id, open.SlotCount, 8, TimeSpan.FromSeconds(10), BlockSize, 4096, InGrace) { AttributeLease = AttributeLease };
    }

    private VolumeReply Execute(VolumeCall call, Memory<byte> answerData, out int length)
    {
        length = 0;
        switch (call.Request)
        {
            case Open open:
                Handles[open.Handle] = open.File;
                return Attributes(open.File);
            case Close close:
                return Handles.Remove(close.Handle) ? Done.Instance : new Refused(VolumeError.NoSuchHandle, "Not open.");
            case GetAttributes get:
                return Attributes(get.File);
            case GetLayout get:
                return new LayoutGranted(Grant(get.File, get.Access), TimeSpan.Zero);
            case ReadData read:
                var content = Files[read.File].AsSpan((int)Math.Min(read.Offset.Value, Files[read.File].Length));
                length = Math.Min(read.Length, content.Length);
                content[..length].CopyTo(answerData.Span);
                return new DataRead(length);
            case WriteData write:
                var offset = write.Append ? Files[write.File].Length : (int)write.Offset.Value;
                var grown = Files[write.File];
                Array.Resize(ref grown, Math.Max(grown.Length, offset + call.Data.Length));
                call.Data.CopyTo(grown.AsMemory(offset));
                Files[write.File] = grown;
                return new DataWritten(new FileByteOffset(offset), new ByteCount(grown.Length));
            case ReclaimHandle when !InGrace:
                return new Refused(VolumeError.ReclaimRefused, "The time to reclaim is over.");
            case ReclaimHandle reclaim:
                Reclaimed.Add(reclaim);
                Handles[reclaim.Handle] = reclaim.File;
                return Done.Instance;
            case ReclaimComplete:
                InGrace = false;
                return Done.Instance;
            default:
                return Done.Instance;
        }
    }

    public Layout Grant(FileId file, LayoutAccess access)
    {
        var clusters = (Files[file].Length + 4095) / 4096;
        return new Layout(
            file,
            new LayoutGeneration(++_journal.LastGeneration),
            access,
            [new FileExtent(FileByteOffset.Zero, new LunByteOffset(1 << 20), new ByteCount(clusters * 4096L))],
            new ByteCount(Files[file].Length));
    }

    public Entry EntryOf(FileId file) => Attributes(file);

    private Entry Attributes(FileId file) => new(new InodeAttributes(
        file, FileKind.Regular, 420, 0, 0, 1, new ByteCount(Files[file].Length), new ByteCount(Files[file].Length), 0, default, default, default));

    private sealed class Journal
    {
        public Dictionary<SessionId, Dictionary<int, (long Sequence, VolumeReply? Reply)>> Sessions { get; } = [];

        public Dictionary<FileId, byte[]> Files { get; } = [];

        public long LastSession { get; set; }

        public long LastGeneration { get; set; }
    }
}
