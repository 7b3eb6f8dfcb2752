using Covol.Protocol.Ids;
using Covol.Protocol.Ownership;
using Covol.Protocol.Units;
using Covol.Simulation.Disk;
using Covol.Simulation.Worlds;
using Covol.VolumeClient;
using Microsoft.Extensions.Logging.Abstractions;

namespace Covol.Simulation.Parts;

/// <summary>
/// The mount process of a node: the real <see cref="NodeVolume"/>, and the data path's way to the LUN as VolumeFileSystem goes it.
/// </summary>
internal sealed partial class ClientProcess
{
    private const int SegmentsMax = 64;

    private readonly World _world;
    private readonly SimLun _lun;
    private LunNexus _nexus;

    public ClientProcess(World world, SimNetwork network, SimLun lun, Rules rules, int node, int life, TimeSpan waitLimit, bool hasPath)
    {
        _world = world;
        Process = new SimProcess(world, $"client{node}.{life}", node);
        MountId = new Guid(node, (short)life, 0, new byte[8]);
        _lun = lun;
        Key = KeyLayout.DataKey(1, new NodeId(node), life * KeysOfLife);
        _nexus = lun.Open(Process);
        _nexus.Register(Key);
        var settings = new VolumeClientSettings("Volume1", new NodeId(node), MountId, Key)
        {
            IoWaitLimit = waitLimit,
            LayoutFrom = new ByteCount(hasPath ? 1 : long.MaxValue),
            LayoutAgainEvery = TimeSpan.FromMilliseconds(200),
            SlotCount = 16,
            ReclaimedPlacesMax = 3,
            PlacesMax = 12,
            TailAfterWrites = 1,
            TellsTails = rules.TellsTails,
        };
        IMonotonicClock clock = rules.LeasesEnd ? Process.Clock : new StoppedClock();
        Volume = new NodeVolume(settings, network.SourceOf(Process), clock, Process.Clock, NullLogger<NodeVolume>.Instance);
        _ = ReturnToDirectAsync();
    }

    public SimProcess Process { get; }

    public Guid MountId { get; }

    /// <summary>Of its newest incarnation.</summary>
    public ReservationKey Key { get; private set; }

    public NodeVolume Volume { get; }

    public long DirectWrites { get; private set; }

    public long DirectReads { get; private set; }

    /// <summary>The node's path to the LUN hangs until then.</summary>
    public void HangUntil(long time) => _nexus.HangsUntil = time;

    public async Task<int> ReadAsync(OpenFile file, long offset, Memory<byte> target) =>
        await ReadDirectAsync(file, offset, target).ConfigureAwait(false)
            ? target.Length
            : await Volume.ReadAsync(file, new FileByteOffset(offset), target).ConfigureAwait(false);

    /// <summary>False: it takes the coordinator to read there.</summary>
    public async Task<bool> ReadDirectAsync(OpenFile file, long offset, Memory<byte> target)
    {
        var segments = new LunSegment[SegmentsMax];
        if (!file.TryMapRead(new FileByteOffset(offset), target.Length, segments, out var count, out var pinned))
        {
            return false;
        }

        if (!TryEnter())
        {
            file.ReadEnded(pinned, 0, succeeded: false);
            return false;
        }

        var mapped = segments[..count];
        var bytes = new byte[mapped.Sum(segment => segment.Length)];
        var succeeded = await SubmitAsync(file.File, isWrite: false, mapped, bytes).ConfigureAwait(false);
        if (!file.ReadEnded(pinned, target.Length, succeeded))
        {
            return false;
        }

        DirectReads++;
        bytes.AsMemory((int)(offset & (SimLun.BlockSize - 1)), target.Length).CopyTo(target);
        return true;
    }

    public long TailWrites { get; private set; }

    /// <summary>Answers where it was written, and whether behind valid length, so that only this node knows.</summary>
    public async Task<(long Offset, bool InTail)> WriteAsync(OpenFile file, long offset, bool append, byte[] source)
    {
        var segments = new LunSegment[SegmentsMax];
        LayoutSnapshot? pinned;
        int count;
        while (!TryMap(out count, out pinned) && !append && file.PauseOf(new FileByteOffset(offset), source.Length) is { } pause)
        {
            await pause.ConfigureAwait(false);
        }

        if (pinned is not null)
        {
            if (!TryEnter())
            {
                pinned.WriteRefused(new FileByteOffset(offset), source.Length);
            }
            else
            {
                var succeeded = await SubmitAsync(file.File, isWrite: true, segments[..count], source).ConfigureAwait(false);
                file.WriteEnded(pinned, new FileByteOffset(offset), source.Length, succeeded);
                if (succeeded)
                {
                    DirectWrites++;
                    var inTail = offset + source.Length > pinned.WriteEnd;
                    TailWrites += inTail ? 1 : 0;
                    return (offset, inTail);
                }
            }
        }

        var written = await Volume.WriteAsync(file, new FileByteOffset(offset), append, clearSetId: false, source).ConfigureAwait(false);
        return (written.Offset.Value, false);

        bool TryMap(out int mapped, out LayoutSnapshot? pinned)
        {
            mapped = 0;
            pinned = null;
            return !append && file.TryMapWrite(new FileByteOffset(offset), source.Length, segments, out mapped, out pinned);
        }
    }

    /// <summary>fdatasync: by the LUN alone where that is enough.</summary>
    public async Task SynchronizeDataAsync(OpenFile file)
    {
        if (file.TryBeginFlush(out var pinned))
        {
            if (!TryEnter())
            {
                pinned.Unpin();
            }
            else
            {
                var flushed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                Process.After(_world.Milliseconds(0.1, 3), () =>
                {
                    _nexus.Flush();
                    flushed.TrySetResult();
                });
                await flushed.Task.ConfigureAwait(false);
                if (file.FlushEnded(pinned, TryEnter()))
                {
                    return;
                }
            }
        }

        await Volume.SynchronizeAsync(file.File).ConfigureAwait(false);
    }

    private async Task<bool> SubmitAsync(FileId file, bool isWrite, LunSegment[] segments, byte[] data)
    {
        var completed = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        _nexus.Submit(file, isWrite, segments, data, result => completed.TrySetResult(result));
        var succeeded = await completed.Task.ConfigureAwait(false);
        if (!succeeded)
        {
            Volume.Fenced("The LUN failed a request of this node.");
        }

        return succeeded;
    }

    private bool TryEnter()
    {
        if (_nexus.TryEnter())
        {
            return true;
        }

        Volume.Fenced("The LUN refused this node's key: it was fenced.");
        return false;
    }

    /// <summary>A clock by which no lease ever ends.</summary>
    private sealed class StoppedClock : IMonotonicClock
    {
        public Moment Now => new(1);
    }
}
