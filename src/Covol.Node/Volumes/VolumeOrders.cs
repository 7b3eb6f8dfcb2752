using Covol.Api.Contracts;
using Covol.Cluster.Records;
using Covol.Node.Processes;
using Covol.Protocol.Ids;
using Covol.Protocol.Store;

namespace Covol.Node.Volumes;

/// <summary>What administrators do with volumes.</summary>
internal sealed class VolumeOrders
{
    private static readonly TimeSpan s_onlineLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_moveLimit = TimeSpan.FromSeconds(60);

    private readonly ClusterRecords _records;
    private readonly ClusterWatch _watch;
    private readonly ClusterQueries _queries;
    private readonly MountRole _mount;
    private readonly DaemonCommand _daemon;

    public VolumeOrders(ClusterRecords records, ClusterWatch watch, ClusterQueries queries, MountRole mount, DaemonCommand daemon)
    {
        _records = records;
        _watch = watch;
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

        var state = _watch.Current;
        if (state.Volumes.ContainsKey(name.Value))
        {
            throw new NodeException($"There is a volume {name} already; choose another name or remove it first.");
        }

        if (state.Volumes.Values.Select(volume => volume.Record).FirstOrDefault(volume => volume.LunUri == order.Lun) is { } taken)
        {
            throw new NodeException($"The LUN {order.Lun} carries {taken.Name} already.");
        }

        if (!order.Format)
        {
            throw new NodeException("Adopting a volume that holds files is not there yet; only new volumes can be made.");
        }

        await _daemon.RunToEndAsync(["format", "--lun", order.Lun, "--label", name.Value], cancellation).ConfigureAwait(false);
        var cluster = state.Cluster ?? throw new NodeException("The cluster store has not answered yet; try again.");
        await _records.AddVolumeAsync(cluster, name, order.Lun, _queries.Self, cancellation).ConfigureAwait(false);
        return await OnlineAsync(name.Value, owned => owned.Answers, s_onlineLimit, cancellation).ConfigureAwait(false);
    }

    /// <summary>Asks the owner to hand over and waits until the target coordinates.</summary>
    public async Task<VolumeView> MoveAsync(string volume, NodeId target, CancellationToken cancellation)
    {
        Known(volume);
        if (!_watch.Current.Lives.ContainsKey(target.Value))
        {
            throw new NodeException($"{target} is not up, so it cannot coordinate {volume}. 'covol node list' shows who is.");
        }

        await _records.OrderMoveAsync(VolumeName.Parse(volume), target, cancellation).ConfigureAwait(false);
        return await OnlineAsync(volume, owned => owned.Answers && owned.Owner == target, s_moveLimit, cancellation).ConfigureAwait(false);
    }

    /// <summary>Takes a volume offline everywhere: detach, hand over to nobody, forget. Its LUN holds a clean NTFS volume then.</summary>
    public async Task RemoveAsync(
        string volume, bool force, Func<NodeId, string, bool, CancellationToken, Task> detach, CancellationToken cancellation)
    {
        Known(volume);
        var state = _watch.Current;
        var running = state.Machines.Values.Select(machine => machine.Record)
            .Where(machine => machine.State is not (VirtualMachineState.Stopped or VirtualMachineState.Failed)
                && machine.Definition.Disks.Any(disk => disk.StartsWith($"{volume}/", StringComparison.Ordinal)))
            .Select(machine => machine.Definition.Name)
            .ToArray();
        if (running.Length > 0 && !force)
        {
            throw new NodeException($"{volume} is in use by the running virtual machines {string.Join(", ", running)}. Stop them, or add --force.");
        }

        foreach (var node in state.Lives.Keys)
        {
            await detach(new NodeId(node), volume, force, cancellation).ConfigureAwait(false);
        }

        var name = VolumeName.Parse(volume);
        await _records.OrderMoveAsync(name, null, cancellation).ConfigureAwait(false);
        if (!await SeesAsync(
            now => !now.Ownerships.TryGetValue(volume, out var owned) || owned.Record is { Owner: null, Offline: true }, s_moveLimit, cancellation)
            .ConfigureAwait(false))
        {
            throw new NodeException($"The coordinator of {volume} did not release it within {s_moveLimit.TotalSeconds:0} s; try again.");
        }

        await _records.RemoveVolumeAsync(name, cancellation).ConfigureAwait(false);
    }

    /// <summary>Unmounts a volume on this node.</summary>
    public Task DetachHereAsync(string volume, bool force, CancellationToken cancellation) => _mount.DetachAsync(volume, force, cancellation);

    private void Known(string volume)
    {
        if (!_watch.Current.Volumes.ContainsKey(volume))
        {
            throw new NodeException($"There is no volume {volume}. 'covol volume list' shows all.");
        }
    }

    private async Task<VolumeView> OnlineAsync(
        string volume, Func<OwnershipRecord, bool> condition, TimeSpan limit, CancellationToken cancellation)
    {
        if (await SeesAsync(now => now.Ownerships.TryGetValue(volume, out var owned) && condition(owned.Record), limit, cancellation)
            .ConfigureAwait(false))
        {
            return _queries.Volumes().First(view => view.Volume == volume);
        }

        var state = _queries.Volumes().FirstOrDefault(view => view.Volume == volume);
        throw new NodeException(
            $"{volume} is not where it should be after {limit.TotalSeconds:0} s ({state?.State}: {state?.Reason}). "
            + "'covol volume list' shows it; the logs of covold coordinator say more.");
    }

    /// <summary>False: not within the limit.</summary>
    private async Task<bool> SeesAsync(Func<ClusterState, bool> condition, TimeSpan limit, CancellationToken cancellation)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(limit);
        try
        {
            await _watch.WaitAsync(condition, deadline.Token).ConfigureAwait(false);
            return true;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return false;
        }
    }
}
