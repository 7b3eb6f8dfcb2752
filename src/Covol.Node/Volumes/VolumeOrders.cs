using Covol.Api.Contracts;
using Covol.Cluster.Store;
using Covol.Node.Processes;
using Covol.Protocol.Ids;
using Covol.Protocol.Ownership;
using Covol.Protocol.Store;

namespace Covol.Node.Volumes;

/// <summary>What administrators do with volumes.</summary>
internal sealed class VolumeOrders
{
    private static readonly TimeSpan s_onlineLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_moveLimit = TimeSpan.FromSeconds(60);

    private readonly IClusterStore _store;
    private readonly ClusterMirror _mirror;
    private readonly ClusterQueries _queries;
    private readonly MountRole _mount;
    private readonly DaemonCommand _daemon;

    public VolumeOrders(IClusterStore store, ClusterMirror mirror, ClusterQueries queries, MountRole mount, DaemonCommand daemon)
    {
        _store = store;
        _mirror = mirror;
        _queries = queries;
        _mount = mount;
        _daemon = daemon;
    }

    /// <summary>Formats the LUN here, then tells the cluster; this node is expected to coordinate first. Returns when it is online.</summary>
    public async Task<VolumeView> AddAsync(AddVolume order, CancellationToken cancellation)
    {
        if (!VolumeName.TryParse(order.Volume, out var name))
        {
            throw new NodeException(
                $"'{order.Volume}' is not a volume name: 1 to {VolumeName.LengthMax} letters, digits, '-' or '_', beginning with a letter.");
        }

        var snapshot = _mirror.Snapshot;
        if (snapshot.Volumes.ContainsKey(name.Value))
        {
            throw new NodeException($"There is a volume {name} already; choose another name or remove it first.");
        }

        if (snapshot.Volumes.Values.FirstOrDefault(volume => volume.LunUri == order.Lun) is { } taken)
        {
            throw new NodeException($"The LUN {order.Lun} carries {taken.Name} already.");
        }

        if (!order.Format)
        {
            throw new NodeException("Adopting a volume that holds files is not there yet; only new volumes can be made.");
        }

        await _daemon.RunToEndAsync(["format", "--lun", order.Lun, "--label", name.Value], cancellation).ConfigureAwait(false);
        var number = await ClusterWrites.NextAsync(_store, _mirror.Keys.VolumeCounter, cancellation).ConfigureAwait(false);
        if (number > KeyLayout.VolumeNumberMax)
        {
            throw new NodeException($"This cluster has had {KeyLayout.VolumeNumberMax} volumes, which is the most its keys can name.");
        }

        var record = new VolumeRecord(name.Value, (int)number, order.Lun);
        var volumeKey = _mirror.Keys.Volume(name.Value);
        var ownershipKey = _mirror.Keys.Ownership(name.Value);
        var result = await _store.CommitAsync(
            new StoreTransaction(
                [new StoreCompare(volumeKey, new StoreRevision(0)), new StoreCompare(ownershipKey, new StoreRevision(0))],
                [
                    new StorePut(volumeKey, StoreJson.Write(record)),
                    new StorePut(ownershipKey, StoreJson.Write(OwnershipRecord.Unowned(name.Value, _queries.Self))),
                ]),
            cancellation).ConfigureAwait(false);
        if (!result.Succeeded)
        {
            throw new NodeException($"There is a volume {name} already; choose another name or remove it first.");
        }

        return await OnlineAsync(name.Value, owned => owned.Answers, s_onlineLimit, cancellation).ConfigureAwait(false);
    }

    /// <summary>Asks the owner to hand over and waits until the target coordinates.</summary>
    public async Task<VolumeView> MoveAsync(string volume, NodeId target, CancellationToken cancellation)
    {
        Known(volume);
        if (!_mirror.Snapshot.Lives.ContainsKey(target))
        {
            throw new NodeException($"{target} is not up, so it cannot coordinate {volume}. 'covol node list' shows who is.");
        }

        await _store.CommitAsync(
            new StoreTransaction([], [new StorePut(_mirror.Keys.Move(volume), StoreJson.Write(new MoveOrder(volume, target)))]),
            cancellation).ConfigureAwait(false);
        return await OnlineAsync(volume, owned => owned.Answers && owned.Owner == target, s_moveLimit, cancellation).ConfigureAwait(false);
    }

    /// <summary>Takes a volume offline everywhere: detach, hand over to nobody, forget. Its LUN holds a clean NTFS volume then.</summary>
    public async Task RemoveAsync(string volume, bool force, Func<NodeId, string, bool, CancellationToken, Task> detach, CancellationToken cancellation)
    {
        Known(volume);
        var snapshot = _mirror.Snapshot;
        var running = snapshot.Machines.Values.Select(machine => machine.Record)
            .Where(machine => machine.State is not (VirtualMachineState.Stopped or VirtualMachineState.Failed)
                && machine.Definition.Disks.Any(disk => disk.StartsWith($"{volume}/", StringComparison.Ordinal)))
            .Select(machine => machine.Definition.Name)
            .ToArray();
        if (running.Length > 0 && !force)
        {
            throw new NodeException($"{volume} is in use by the running virtual machines {string.Join(", ", running)}. Stop them, or add --force.");
        }

        foreach (var node in snapshot.Lives.Keys)
        {
            await detach(node, volume, force, cancellation).ConfigureAwait(false);
        }

        await _store.CommitAsync(
            new StoreTransaction([], [new StorePut(_mirror.Keys.Move(volume), StoreJson.Write(new MoveOrder(volume, null)))]),
            cancellation).ConfigureAwait(false);
        try
        {
            await _mirror.WaitAsync(
                now => now.Ownerships.TryGetValue(volume, out var owned) && !(owned.Record is { Owner: null, Offline: true }) ? null : now,
                s_moveLimit,
                cancellation).ConfigureAwait(false);
        }
        catch (TimeoutException failure)
        {
            throw new NodeException($"The coordinator of {volume} did not release it within {s_moveLimit.TotalSeconds:0} s; try again.", failure);
        }

        await _store.CommitAsync(
            new StoreTransaction(
                [],
                [
                    new StoreDelete(_mirror.Keys.Volume(volume)), new StoreDelete(_mirror.Keys.Ownership(volume)),
                    new StoreDelete(_mirror.Keys.Move(volume)),
                ]),
            cancellation).ConfigureAwait(false);
    }

    /// <summary>Unmounts a volume on this node.</summary>
    public Task DetachHereAsync(string volume, bool force, CancellationToken cancellation) => _mount.DetachAsync(volume, force, cancellation);

    private void Known(string volume)
    {
        if (!_mirror.Snapshot.Volumes.ContainsKey(volume))
        {
            throw new NodeException($"There is no volume {volume}. 'covol volume list' shows all.");
        }
    }

    private async Task<VolumeView> OnlineAsync(
        string volume, Func<OwnershipRecord, bool> condition, TimeSpan limit, CancellationToken cancellation)
    {
        try
        {
            await _mirror.WaitAsync(
                now => now.Ownerships.TryGetValue(volume, out var owned) && condition(owned.Record) ? now : null, limit, cancellation)
                .ConfigureAwait(false);
            return _queries.Volumes().First(view => view.Volume == volume);
        }
        catch (TimeoutException failure)
        {
            var state = _queries.Volumes().FirstOrDefault(view => view.Volume == volume);
            throw new NodeException(
                $"{volume} is not where it should be after {limit.TotalSeconds:0} s ({state?.State}: {state?.Reason}). "
                + "'covol volume list' shows it; the logs of covold coordinator say more.",
                failure);
        }
    }
}
