using System.Globalization;
using Covol.Api;
using Covol.Api.Contracts;
using Covol.Cluster.Records;
using Covol.Cluster.Store;
using Covol.Node.Http;
using Covol.Node.Processes;
using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.Protocol.Store;

namespace Covol.Node.Volumes;

/// <summary>What administrators do with volumes.</summary>
internal sealed class VolumeOrders
{
    private const int UsesShownMax = 10;
    private static readonly TimeSpan s_lookAgain = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_onlineLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_moveLimit = TimeSpan.FromSeconds(60);

    private readonly ClusterRecords _records;
    private readonly ClusterWatch _watch;
    private readonly ClusterQueries _queries;
    private readonly MountRole _mount;
    private readonly CoordinatorProcesses _coordinators;
    private readonly PeerClients _peers;
    private readonly KeyAllocator _allocator;
    private readonly DaemonCommand _daemon;
    private readonly string _namespaceRoot;
    private readonly TimeProvider _time;

    public VolumeOrders(
        ClusterRecords records,
        ClusterWatch watch,
        ClusterQueries queries,
        MountRole mount,
        CoordinatorProcesses coordinators,
        PeerClients peers,
        KeyAllocator allocator,
        DaemonCommand daemon,
        string namespaceRoot,
        TimeProvider time)
    {
        _peers = peers;
        _allocator = allocator;
        _namespaceRoot = namespaceRoot;
        _time = time;
        _records = records;
        _watch = watch;
        _queries = queries;
        _mount = mount;
        _coordinators = coordinators;
        _daemon = daemon;
    }

    /// <summary>
    /// Formats the LUN here, or takes over the volume on it with its files, then tells the cluster; this node is expected to coordinate first.
    /// Returns when it is online.
    /// </summary>
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

        var records = state.Volumes.Values.Select(volume => volume.Record);
        if (records.FirstOrDefault(volume => LunOf(volume.LunUri) == LunOf(order.Lun)) is { } taken)
        {
            throw new NodeException($"The LUN {order.Lun} carries {taken.Name} already.");
        }

        if (order is { Force: true, Format: false })
        {
            throw new NodeException("--force goes with --format only: it lets a LUN be formatted that holds something.");
        }

        if (order is { Gpt: true, Format: false })
        {
            throw new NodeException("--gpt goes with --format only: a volume that is taken over stays where it is, in a partition or without one.");
        }

        RefuseWithoutFencing(order);
        var cluster = state.Cluster ?? throw new NodeException("The cluster store has not answered yet; try again.");
        string[] overwrite = order.Force ? ["--overwrite"] : [];
        string[] table = order.Gpt ? ["--gpt"] : [];
        string[] work = order.Format
            ? ["format", "--lun", order.Lun, "--label", name.Value, .. overwrite, .. table]
            : ["adopt", "--lun", order.Lun];

        // With a partition table it says which partition it made or found, so that every node takes the same from now on.
        var printed = await _daemon.RunToEndAsync(work, cancellation).ConfigureAwait(false);
        var scheme = order.Lun[..(order.Lun.IndexOf(':', StringComparison.Ordinal) + 1)];
        var lun = printed.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault(
            line => line.StartsWith(scheme, StringComparison.Ordinal))
            ?? throw new NodeException(
                $"{(order.Format ? "Formatting" : "Taking over")} {order.Lun} ended without saying where the volume is; add it again.");

        await _records.AddVolumeAsync(cluster, name, lun, _queries.Self, order.NoFencing, cancellation).ConfigureAwait(false);
        var view = await OnlineAsync(name.Value, owned => owned.Answers, s_onlineLimit, cancellation).ConfigureAwait(false);
        await VisibleAsync(name.Value, cancellation).ConfigureAwait(false);
        return view;
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

    /// <summary>
    /// Takes a volume offline everywhere: detach, hand over to nobody, release, forget. Its LUN holds a plain NTFS volume then. Refused as a
    /// whole while anything of it is in use, unless forced; where a step fails, the steps before are undone.
    /// </summary>
    public async Task RemoveAsync(string volume, bool force, CancellationToken cancellation)
    {
        Known(volume);
        if (!force)
        {
            await RefuseWhileInUseAsync(volume, cancellation).ConfigureAwait(false);
        }

        var owner = _watch.Current.Ownerships.TryGetValue(volume, out var owned) ? owned.Record.Owner : null;
        var detached = new List<int>();
        var isOrderedOffline = false;
        try
        {
            foreach (var node in _watch.Current.Lives.Keys)
            {
                await (node == _queries.Self.Value
                    ? DetachHereAsync(volume, force, cancellation)
                    : _peers.Node(node).DetachLocalVolumeAsync(volume, force, cancellation)).ConfigureAwait(false);
                detached.Add(node);
            }

            isOrderedOffline = true;
            await ReleaseAsync(volume, detached, cancellation).ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is NodeException or NodeApiException or OperationCanceledException
            or StoreRefusedException or StoreUnavailableException)
        {
            // Opened since we looked, a node died, the LUN did not take it: all or none.
            if (isOrderedOffline)
            {
                await OnlineAgainAsync(volume, owner, failure).ConfigureAwait(false);
            }

            await AttachAgainAsync(volume, detached).ConfigureAwait(false);
            throw;
        }

        await _records.RemoveVolumeAsync(VolumeName.Parse(volume), cancellation).ConfigureAwait(false);
    }

    /// <summary>Checks a volume while it is in use, on the node that coordinates it.</summary>
    public async Task<CheckView> CheckAsync(string volume, CancellationToken cancellation)
    {
        Known(volume);
        if (!_watch.Current.Ownerships.TryGetValue(volume, out var owned) || owned.Record is not { Answers: true, Owner: { } owner })
        {
            throw new NodeException($"Nobody coordinates {volume} just now; 'covol volume list' shows why. A check needs its coordinator.");
        }

        return await (owner == _queries.Self
            ? CheckHereAsync(volume, cancellation)
            : _peers.Node(owner.Value).CheckLocalVolumeAsync(volume, cancellation)).ConfigureAwait(false);
    }

    /// <summary>The same where this node coordinates it.</summary>
    public async Task<CheckView> CheckHereAsync(string volume, CancellationToken cancellation)
    {
        Known(volume);
        var lun = _watch.Current.Volumes[volume].Record.LunUri;
        return CheckViews.Of(volume, lun, await _coordinators.CheckAsync(volume, cancellation).ConfigureAwait(false));
    }

    /// <summary>Unmounts a volume on this node.</summary>
    public Task DetachHereAsync(string volume, bool force, CancellationToken cancellation) => _mount.DetachAsync(volume, force, cancellation);

    /// <summary>Mounts a volume on this node again.</summary>
    public void AttachHere(string volume)
    {
        Known(volume);
        var state = _watch.Current;
        if (state.Ownerships.TryGetValue(volume, out var owned) && owned.Record is { Answers: true } record)
        {
            _mount.Want(volume, state.Volumes[volume].Record.LunUri, record.Epoch, record.Endpoints);
        }
    }

    /// <summary>What programs of this machine have open below a volume; where only the data plane knows, their number.</summary>
    public async Task<IReadOnlyList<string>> OpenFilesHereAsync(string volume, CancellationToken cancellation)
    {
        Known(volume);
        var mounted = await _mount.MountedAsync(cancellation).ConfigureAwait(false);
        var handles = mounted.FirstOrDefault(candidate => candidate.Volume == volume)?.OpenHandles ?? 0;
        if (handles == 0)
        {
            return [];
        }

        var files = OpenFiles.Below($"{_namespaceRoot}/{volume}");
        return files.Count > 0 ? files : [$"{handles} files by programs that cannot be seen from here"];
    }

    private async Task RefuseWhileInUseAsync(string volume, CancellationToken cancellation)
    {
        var state = _watch.Current;
        var uses = state.Machines.Values.Select(machine => machine.Record)
            .Where(machine => machine.State is not (VirtualMachineState.Stopped or VirtualMachineState.Failed)
                && machine.Definition.Disks.Any(disk => disk.StartsWith($"{volume}/", StringComparison.Ordinal)))
            .Select(machine => $"virtual machine {machine.Definition.Name} on {machine.Node}")
            .Order(StringComparer.Ordinal)
            .ToList();
        foreach (var node in state.Lives.Keys.Order())
        {
            var open = node == _queries.Self.Value
                ? await OpenFilesHereAsync(volume, cancellation).ConfigureAwait(false)
                : await _peers.Node(node).GetLocalOpenFilesAsync(volume, cancellation).ConfigureAwait(false);
            uses.AddRange(open.Select(file => $"node{node}: {file}"));
        }

        if (uses.Count > 0)
        {
            var more = uses.Count > UsesShownMax ? $" and {uses.Count - UsesShownMax} more" : "";
            throw new NodeException(
                $"{volume} is in use: {string.Join("; ", uses.Take(UsesShownMax))}{more}. Stop the machines and close the files, or add --force.");
        }
    }

    /// <summary>A block device has no reservations of ours yet: nothing would keep a node that was given up from writing on.</summary>
    private static void RefuseWithoutFencing(AddVolume order)
    {
        var isBlockDevice = order.Lun.StartsWith("block:", StringComparison.Ordinal);
        if (isBlockDevice && !order.NoFencing)
        {
            throw new NodeException(
                $"Covol cannot fence nodes on {order.Lun} yet: this version has no reservations on block devices. Where no other machine reaches "
                + "the device, or you see to it that a node that is given up does not run on, add --no-fencing; else use a file: LUN.");
        }

        if (order.NoFencing && !isBlockDevice)
        {
            throw new NodeException($"--no-fencing goes with a block: LUN only: on {order.Lun} nodes are fenced.");
        }
    }

    /// <summary>The LUN without the partition that a URI may name: reservations, and so volumes, have a LUN for themselves.</summary>
    private static string LunOf(string uri)
    {
        var mark = uri.LastIndexOf("#partition=", StringComparison.Ordinal);
        return mark >= 0 ? uri[..mark] : uri;
    }

    /// <summary>Nobody coordinates it any more, and its LUN holds a plain NTFS volume.</summary>
    private async Task ReleaseAsync(string volume, IReadOnlyCollection<int> detached, CancellationToken cancellation)
    {
        await _records.OrderMoveAsync(VolumeName.Parse(volume), null, cancellation).ConfigureAwait(false);
        if (!await SeesAsync(
            now => !now.Ownerships.TryGetValue(volume, out var owned) || owned.Record is { Owner: null, Offline: true }, s_moveLimit, cancellation)
            .ConfigureAwait(false))
        {
            throw new NodeException($"The coordinator of {volume} did not release it within {s_moveLimit.TotalSeconds:0} s; try again.");
        }

        var record = _watch.Current.Volumes[volume].Record;
        if (_watch.Current.Lives.Keys.Except(detached).ToArray() is [var joined, ..])
        {
            // It may have attached the volume before that went offline, and its key would be fenced under its programs.
            throw new NodeException($"node{joined} came up while {volume} was being removed; try again.");
        }

        // On record before it is registered: were the release given up with I/O in flight, whoever coordinates the volume next fences it.
        var key = await _allocator.NewCoordinatorKeyAsync(_queries.Self, record.Number, cancellation).ConfigureAwait(false);
        await _records.NameWriterAsync(VolumeName.Parse(volume), key, cancellation).ConfigureAwait(false);
        await _daemon.RunToEndAsync(
            ["release", "--lun", record.LunUri, "--key", key.Value.ToString(CultureInfo.InvariantCulture)], cancellation).ConfigureAwait(false);
    }

    /// <summary>Orders the volume back to who coordinated it, and waits until it is served; the failure is told even where that fails too.</summary>
    private async Task OnlineAgainAsync(string volume, NodeId? owner, Exception failure)
    {
        var target = owner is { } known && _watch.Current.Lives.ContainsKey(known.Value) ? known : _queries.Self;
        try
        {
            await _records.OrderMoveAsync(VolumeName.Parse(volume), target, CancellationToken.None).ConfigureAwait(false);
            await OnlineAsync(volume, owned => owned.Answers, s_onlineLimit, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception second) when (second is NodeException or StoreRefusedException or StoreUnavailableException)
        {
            throw new NodeException($"{failure.Message} Then it could not be put back: {second.Message}", failure);
        }
    }

    private async Task AttachAgainAsync(string volume, IReadOnlyList<int> nodes)
    {
        foreach (var node in nodes)
        {
            try
            {
                if (node == _queries.Self.Value)
                {
                    AttachHere(volume);
                    continue;
                }

                await _peers.Node(node).AttachLocalVolumeAsync(volume, CancellationToken.None).ConfigureAwait(false);
            }
            catch (NodeApiException)
            {
                // It died since: it attaches all volumes of the cluster when it comes back.
            }
        }
    }

    /// <summary>Waits until the volume is there on every node that is up: whoever added it uses it next.</summary>
    private async Task VisibleAsync(string volume, CancellationToken cancellation)
    {
        var start = _time.GetTimestamp();
        while (true)
        {
            var lives = _watch.Current.Lives.Keys.Select(node => $"node{node}").ToArray();
            var states = await _queries.StatesAsync(cancellation).ConfigureAwait(false);
            var missing = states.Where(state => state.Volume == volume && state.State == nameof(VolumeRouteState.Unavailable))
                .Select(state => state.Node).Intersect(lives).ToArray();
            if (missing.Length == 0)
            {
                return;
            }

            if (_time.GetElapsedTime(start) > s_onlineLimit)
            {
                throw new NodeException(
                    $"{volume} is online, but {string.Join(", ", missing)} could not attach it; 'covol volume state' shows why.");
            }

            await Task.Delay(s_lookAgain, _time, cancellation).ConfigureAwait(false);
        }
    }

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
