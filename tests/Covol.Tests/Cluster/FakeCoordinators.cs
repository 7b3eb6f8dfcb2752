using System.Collections.Concurrent;
using Covol.Cluster.Ownership;
using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.Protocol.Ownership;
using Covol.Protocol.Store;

namespace Covol.Tests.Cluster;

/// <summary>Coordinator processes that do at once what they are told, and a mount process that remembers what it was told.</summary>
internal sealed class FakeCoordinators : ICoordinatorProcesses, IVolumeAttachments
{
    private Action<OwnershipInput>? _tell;
    private ReservationKey? _running;

    public ConcurrentQueue<ActivateCoordinator> Activated { get; } = new();

    public ConcurrentQueue<EvictNode> Evicted { get; } = new();

    public ConcurrentQueue<OwnershipRecord> Attached { get; } = new();

    public Task<Started> ObserveAsync(VolumeRecord volume, Action<OwnershipInput> tell, CancellationToken cancellation)
    {
        _tell = tell;
        return Task.FromResult(Started.WithoutCoordinator);
    }

    public Task StartStandbyAsync(VolumeRecord volume, ReservationKey key, CancellationToken cancellation)
    {
        _running = key;
        return TellAsync(new CoordinatorReported(key, CoordinatorPhase.Standby, []));
    }

    public Task ActivateAsync(string volume, ReservationKey key, ActivateCoordinator order, CancellationToken cancellation)
    {
        Activated.Enqueue(order);
        return TellAsync(new CoordinatorReported(key, CoordinatorPhase.Serving, ["unix:/here", $"tcp:127.0.0.1:{order.Epoch.Value}"]));
    }

    public Task EvictAsync(string volume, ReservationKey key, EvictNode order, CancellationToken cancellation)
    {
        Evicted.Enqueue(order);
        return TellAsync(new EvictionTold(key, order.Node, order.Incarnation, Done: true));
    }

    public Task HandOverAsync(string volume, ReservationKey key, CancellationToken cancellation) => StopAsync(volume, key, cancellation);

    public Task StopAsync(string volume, ReservationKey key, CancellationToken cancellation)
    {
        var isRunning = _running == key;
        _running = isRunning ? null : _running;
        return isRunning ? TellAsync(new CoordinatorEnded(key, "told to")) : Task.CompletedTask;
    }

    public Task AttachAsync(VolumeRecord volume, OwnershipRecord record, CancellationToken cancellation)
    {
        Attached.Enqueue(record);
        return Task.CompletedTask;
    }

    public Task DetachAsync(VolumeRecord volume, CancellationToken cancellation) => Task.CompletedTask;

    private Task TellAsync(OwnershipInput input)
    {
        _tell!(input);
        return Task.CompletedTask;
    }
}
