using System.Collections.Concurrent;
using Covol.Protocol.Ids;
using Covol.Protocol.Volume;
using Covol.Transport;

namespace Covol.Growth;

/// <summary>
/// A node's session, as the coordinator sees one, without a wire between: what is measured is the coordinator. Answers recalls at once.
/// Any thread; one request a slot at a time.
/// </summary>
internal sealed class GrowthSession : IVolumeCaller
{
    /// <summary>As many as a mount asks for.</summary>
    private const int SlotsWanted = 256;

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);
    private readonly GrowthVolume _volume;
    private readonly ConcurrentDictionary<int, long> _sequences = new();
    private readonly ConcurrentQueue<Task> _returns = new();
    private SessionOpened _session = null!;
    private int _lastReserved;
    private int _recalls;

    private GrowthSession(GrowthVolume volume, int node) => (_volume, Node) = (volume, new NodeId(node));

    public NodeId Node { get; }

    public FileId Root { get; private set; }

    /// <summary>Layouts that were recalled, so far.</summary>
    public int Recalls => Volatile.Read(ref _recalls);

    public static async Task<GrowthSession> OpenAsync(GrowthVolume volume, int node)
    {
        var session = new GrowthSession(volume, node);
        var opening = new OpenSession(session.Node, Guid.NewGuid(), new ReservationKey(0xD000 + (ulong)node), SlotsWanted, null)
        {
            TakesAttributeLeases = true,
        };
        session._session = Expect<SessionOpened>(await session.SendAsync(default, opening));
        session.Root = (await session.AskAsync<Entry>(new GetRoot())).Attributes.File;
        return session;
    }

    /// <summary>Asks in a slot of its own; a refusal is a failure of the measurement.</summary>
    public async Task<TReply> AskAsync<TReply>(VolumeRequest request, int slot = 0)
        where TReply : VolumeReply => Expect<TReply>(await SendAsync(Next(slot), request));

    public void Notify(VolumeNotice notice)
    {
        if (notice is RecallLayout recall)
        {
            Interlocked.Increment(ref _recalls);
            Answer(new ReturnLayout(recall.File, recall.Generation));
        }

        if (notice is RecallAttributes attributes)
        {
            Answer(new ReturnAttributes(attributes.Recall));
        }
    }

    public void Close(string reason) => throw new GrowthException($"The coordinator closed a connection: {reason}");

    private static TReply Expect<TReply>(VolumeReply reply)
        where TReply : VolumeReply => reply as TReply ?? throw new GrowthException($"The coordinator answered {reply}, not {typeof(TReply).Name}.");

    private RequestId Next(int slot) => new(_session.Session, slot, _sequences.AddOrUpdate(slot, 1, (_, last) => last + 1));

    /// <summary>In the reserved slots, one after the other; a measurement has fewer recalls at once than there are.</summary>
    private void Answer(VolumeRequest answer)
    {
        var slot = _session.SlotCount + (Interlocked.Increment(ref _lastReserved) % _session.ReservedSlotCount);
        _returns.Enqueue(AskAsync<Done>(answer, slot));
        while (_returns.Count > _session.ReservedSlotCount / 2 && _returns.TryDequeue(out var earlier))
        {
            // Its failure is the measurement's: nobody else would see it.
            if (earlier.IsFaulted)
            {
                throw new GrowthException($"A recall was answered in vain: {earlier.Exception!.InnerException!.Message}");
            }
        }
    }

    private async Task<VolumeReply> SendAsync(RequestId id, VolumeRequest request)
    {
        var answer = await _volume.Coordinator.CallAsync(this, new VolumeCall(id, _volume.Epoch, request, default), CancellationToken.None)
            .AsTask().WaitAsync(s_limit);
        _volume.RequireServing();
        return answer.Reply;
    }
}
