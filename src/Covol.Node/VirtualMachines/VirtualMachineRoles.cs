using System.Collections.Concurrent;
using System.Net;
using Covol.Api.Configuration;
using Covol.Api.Contracts;
using Covol.Cluster.Records;
using Covol.Cluster.Store;
using Covol.Node.Http;
using Covol.Protocol.Ids;
using Covol.Protocol.Migration;
using Covol.Protocol.Store;
using Covol.Protocol.Units;
using Covol.VirtualMachines;
using Covol.VirtualMachines.Disks;
using Covol.VirtualMachines.Migration;
using Microsoft.Extensions.Logging;
using Definition = Covol.Protocol.Store.VirtualMachineDefinition;

namespace Covol.Node.VirtualMachines;

/// <summary>
/// The virtual machines of this node. What shall run where is in the cluster store: a copy is started only after a transaction that
/// compares the record put it here, so that two nodes never start the same machine. Image locks on its disks are the last guard.
/// </summary>
internal sealed class VirtualMachineRoles : IAsyncDisposable
{
    private const int TriesMax = 16;
    private static readonly TimeSpan s_guestLimit = TimeSpan.FromSeconds(60);

    private readonly NodeConfiguration _configuration;
    private readonly NodeId _self;
    private readonly ClusterRecords _records;
    private readonly IClusterStore _store;
    private readonly StoreKeys _keys;
    private readonly ClusterWatch _watch;
    private readonly PeerClients _peers;
    private readonly HostSettings _host;
    private readonly TimeProvider _time;
    private readonly ILogger<VirtualMachineRoles> _log;
    private readonly ConcurrentDictionary<string, VirtualMachineProcess> _running = new();
    private readonly ConcurrentDictionary<string, LocalMigrationDestination> _incoming = new();
    private readonly ConcurrentDictionary<Task, string> _watching = new();

    public VirtualMachineRoles(
        NodeConfiguration configuration,
        IClusterStore store,
        StoreKeys keys,
        ClusterWatch watch,
        PeerClients peers,
        TimeProvider time,
        ILogger<VirtualMachineRoles> log)
    {
        _configuration = configuration;
        _self = new NodeId(configuration.Node);
        _records = new ClusterRecords(store, keys);
        _store = store;
        _keys = keys;
        _watch = watch;
        _peers = peers;
        _host = HostSettings.Detect($"{configuration.RunDirectory}/vm", configuration.LogDirectory, configuration.VirtualMachineUser);
        _time = time;
        _log = log;
    }

    /// <summary>Finds machines that run here from an earlier life of this control plane; those that are gone are marked so.</summary>
    public async Task AdoptAsync(CancellationToken cancellation)
    {
        foreach (var record in _watch.Current.Machines.Values.Select(machine => machine.Record).Where(record => record.Node == _self && IsUp(record)))
        {
            var name = record.Definition.Name;
            var machine = await VirtualMachineProcess.AdoptAsync(Places(name), _time, _log, cancellation).ConfigureAwait(false);
            if (machine is not null)
            {
                Watch(name, machine);
                continue;
            }

            await SetAsync(
                name,
                seen => seen.Node == _self && IsUp(seen)
                    ? seen with
                    {
                        State = VirtualMachineState.Failed,
                        MigratingTo = null,
                        Reason = "it was not running any more when its node's control plane started",
                    }
                    : null,
                cancellation).ConfigureAwait(false);
        }
    }

    public IReadOnlyList<VirtualMachineView> List() =>
        [.. _watch.Current.Machines.Values.Select(machine => View(machine.Record)).OrderBy(view => view.Name, StringComparer.Ordinal)];

    public async Task<VirtualMachineView> GetAsync(string name, CancellationToken cancellation) =>
        View(await RecordAsync(name, cancellation).ConfigureAwait(false));

    public async Task<VirtualMachineView> CreateAsync(Api.Contracts.VirtualMachineDefinition order, CancellationToken cancellation)
    {
        var definition = new Definition(order.Name, order.MemoryBytes, order.Cpus, order.Disks, order.Kernel, order.Initrd, order.Append);
        if (ToRun(definition).WhatIsWrong() is { } wrong)
        {
            throw new NodeException(wrong);
        }

        var record = await ChangeAsync(
            order.Name,
            seen => seen is null
                ? new VirtualMachineRecord(definition, null, VirtualMachineState.Stopped, null, 0, "")
                : throw new NodeException($"There is a virtual machine {order.Name} already; choose another name or remove it first."),
            cancellation).ConfigureAwait(false);
        return View(record!);
    }

    public async Task RemoveAsync(string name, CancellationToken cancellation) => await ChangeAsync(
        name,
        seen => seen switch
        {
            null => throw Unknown(name),
            _ when IsUp(seen) => throw new NodeException($"{name} is {seen.State} on {seen.Node}; stop it first: covol vm stop {name}"),
            _ => null,
        },
        cancellation).ConfigureAwait(false);

    /// <summary>Starts a machine on a node, this one if none is named.</summary>
    public async Task<VirtualMachineView> StartAsync(string name, NodeId? node, CancellationToken cancellation)
    {
        if (node is { } other && other != _self)
        {
            return await _peers.Node(other.Value).StartVirtualMachineAsync(name, null, cancellation).ConfigureAwait(false);
        }

        var record = await RecordAsync(name, cancellation).ConfigureAwait(false);
        var definition = ToRun(record.Definition);
        RefuseSharedDisks(record);
        var claimed = await SetAsync(
            name,
            seen => IsUp(seen)
                ? throw new NodeException($"{name} is {seen.State} on {seen.Node} already.")
                : seen with { Node = _self, State = VirtualMachineState.Starting, MigratingTo = null, Run = seen.Run + 1, Reason = "" },
            cancellation).ConfigureAwait(false);
        try
        {
            var machine = await VirtualMachineProcess.StartAsync(
                definition, _host, Places(name), incoming: false, _time, _log, cancellation).ConfigureAwait(false);
            Watch(name, machine);
        }
        catch (Exception failure)
        {
            await SetAsync(
                name,
                seen => seen.Run == claimed.Run ? seen with { State = VirtualMachineState.Failed, Reason = failure.Message } : null,
                CancellationToken.None).ConfigureAwait(false);
            throw failure is VirtualMachineException ? new NodeException(failure.Message, failure) : failure;
        }

        return View(await SetAsync(
            name,
            seen => seen.Run == claimed.Run && seen.State == VirtualMachineState.Starting
                ? seen with { State = VirtualMachineState.Running, Reason = "" }
                : null,
            cancellation).ConfigureAwait(false));
    }

    /// <summary>Shuts a machine down, wherever it runs.</summary>
    public async Task StopAsync(string name, bool force, CancellationToken cancellation)
    {
        var record = await RecordAsync(name, cancellation).ConfigureAwait(false);
        if (record.Node is { } other && other != _self && IsUp(record))
        {
            await _peers.Node(other.Value).StopVirtualMachineAsync(name, force, cancellation).ConfigureAwait(false);
            return;
        }

        if (!_running.TryGetValue(name, out var machine))
        {
            throw new NodeException($"{name} does not run; it is {record.State}.");
        }

        await SetAsync(
            name, seen => seen.Node == _self && IsUp(seen) ? seen with { State = VirtualMachineState.Stopping } : null, cancellation)
            .ConfigureAwait(false);
        await (force ? machine.QuitAsync(cancellation) : machine.StopAsync(s_guestLimit, cancellation)).ConfigureAwait(false);
        await SetAsync(
            name,
            seen => seen.Node == _self && IsUp(seen) ? seen with { State = VirtualMachineState.Stopped, Reason = "" } : null,
            cancellation).ConfigureAwait(false);
    }

    /// <summary>Moves a running machine to another node while it runs.</summary>
    public async Task<MigrationView> MigrateAsync(string name, NodeId target, CancellationToken cancellation)
    {
        var record = await RecordAsync(name, cancellation).ConfigureAwait(false);
        if (record.Node is { } other && other != _self)
        {
            return await _peers.Node(other.Value).MigrateAsync(name, target.ToString(), cancellation).ConfigureAwait(false);
        }

        if (target == _self)
        {
            throw new NodeException($"{name} runs on {target} already.");
        }

        if (!_running.TryGetValue(name, out var machine))
        {
            throw new NodeException($"{name} does not run; it is {record.State}. Only a running machine can be migrated.");
        }

        if (!_watch.Current.Lives.ContainsKey(target.Value))
        {
            throw new NodeException($"{target} is not up, so {name} cannot move there. 'covol node list' shows who is.");
        }

        var begun = await SetAsync(
            name,
            seen => seen is { State: VirtualMachineState.Running } && seen.Node == _self
                ? seen with { State = VirtualMachineState.Migrating, MigratingTo = target }
                : throw new NodeException($"{name} is {seen.State}; only a running machine can be migrated."),
            cancellation).ConfigureAwait(false);
        var result = await LiveMigration.RunAsync(
            name,
            new LocalMigrationSource(machine, _time),
            new RemoteMigrationDestination(_peers.Http(target.Value), name),
            new RecordedOwnership(this, name, _self, target),
            MigrationSettings.Default,
            _time,
            _log,
            cancellation).ConfigureAwait(false);
        await SetAsync(
            name,
            seen => seen.Run == begun.Run && seen.State == VirtualMachineState.Migrating ? After(seen, target, result.Outcome) : null,
            CancellationToken.None).ConfigureAwait(false);
        if (result.Outcome.Result != MigrationResult.Moved)
        {
            throw new NodeException($"{name} was not moved to {target}: {result.Outcome.Reason}");
        }

        return new MigrationView(
            _self.ToString(),
            target.ToString(),
            (long)result.Total.TotalMilliseconds,
            (long)(result.Downtime?.TotalMilliseconds ?? -1),
            (long)(result.Blackout?.TotalMilliseconds ?? -1));
    }

    /// <summary>A peer wants to move a machine here: starts a process that waits for it. Answers where it waits.</summary>
    public async Task<string> PrepareIncomingAsync(string name)
    {
        var definition = ToRun((await RecordAsync(name, CancellationToken.None).ConfigureAwait(false)).Definition);
        if (_running.ContainsKey(name))
        {
            throw new NodeException($"{name} runs on {_self} already.");
        }

        var address = _configuration.Members.First(member => member.Node == _self.Value).Address;
        var destination = new LocalMigrationDestination(
            async cancellation => await VirtualMachineProcess.StartAsync(
                definition, _host, Places(name), incoming: true, _time, _log, cancellation).ConfigureAwait(false),
            $"tcp:{IPAddress.Parse(address)}:0",
            _time);
        _incoming[name] = destination;
        try
        {
            // Not cancelled with the request: the peer that lost its connection kills what it may have begun.
            var waitsAt = await destination.PrepareAsync(CancellationToken.None).ConfigureAwait(false);
            Track(name, ArriveAsync(name, destination));
            return waitsAt;
        }
        catch (VirtualMachineException failure)
        {
            _incoming.TryRemove(new KeyValuePair<string, LocalMigrationDestination>(name, destination));
            throw new NodeException(failure.Message, failure);
        }
    }

    /// <summary>The end of a move that was begun with <see cref="PrepareIncomingAsync"/>.</summary>
    public LocalMigrationDestination Incoming(string name) =>
        _incoming.TryGetValue(name, out var destination) ? destination : throw new NodeException($"{name} is not on its way to {_self}.");

    /// <summary>Stops all machines that run here: the node is about to end.</summary>
    public async Task StopAllAsync(CancellationToken cancellation)
    {
        foreach (var name in _running.Keys)
        {
            await StopAsync(name, force: false, cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Kills all machines that run here, also those that just arrive: others may have taken their disks' locks. Ends when all are gone. Told to
    /// die before the data plane ends, waited for after: one that is inside a request of it cannot die before.
    /// </summary>
    public Func<CancellationToken, Task> KillAll()
    {
        var machines = _running.Values
            .Concat(_incoming.Values.Select(destination => destination.Machine).OfType<VirtualMachineProcess>())
            .Distinct()
            .Select(machine => machine.KillAsync(CancellationToken.None))
            .ToArray();
        return async cancellation =>
            await Task.WhenAll(machines).WaitAsync(s_guestLimit, _time, cancellation).ConfigureAwait(false);
    }

    /// <summary>Lets go of the machines; they run on.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var machine in _running.Values)
        {
            await machine.DisposeAsync().ConfigureAwait(false);
        }

        await Task.WhenAll(_watching.Keys).ConfigureAwait(false);
    }

    /// <summary>Changes a record by comparing; null leaves it as it is.</summary>
    internal async Task<VirtualMachineRecord> SetAsync(
        string name, Func<VirtualMachineRecord, VirtualMachineRecord?> change, CancellationToken cancellation)
    {
        var after = await ChangeAsync(
            name,
            seen => seen is null ? throw Unknown(name) : change(seen) ?? seen,
            cancellation).ConfigureAwait(false);
        return after!;
    }

    /// <summary>Reads, decides, compares; again when somebody was faster. The decision may be asked for several times.</summary>
    private async Task<VirtualMachineRecord?> ChangeAsync(
        string name, Func<VirtualMachineRecord?, VirtualMachineRecord?> change, CancellationToken cancellation)
    {
        for (var attempt = 0; attempt < TriesMax; attempt++)
        {
            var entry = await _store.GetAsync(_keys.Machine(name), cancellation).ConfigureAwait(false);
            var before = entry is null ? null : StoreJson.Read<VirtualMachineRecord>(entry);
            var after = change(before);
            if (ReferenceEquals(after, before))
            {
                return after;
            }

            var expected = entry?.Revision ?? new StoreRevision(0);
            if (after is null
                ? await _records.TryRemoveMachineAsync(name, expected, cancellation).ConfigureAwait(false)
                : await _records.TryWriteMachineAsync(after, expected, cancellation).ConfigureAwait(false) is not null)
            {
                return after;
            }
        }

        throw new NodeException($"The record of {name} changes all the time; try again.");
    }

    private static VirtualMachineRecord After(VirtualMachineRecord seen, NodeId target, MigrationOutcome outcome) => outcome.Result switch
    {
        MigrationResult.Moved => seen with { Node = target, State = VirtualMachineState.Running, MigratingTo = null, Reason = "" },
        MigrationResult.StayedAtSource or MigrationResult.StandsAtSource =>
            seen with { State = VirtualMachineState.Running, MigratingTo = null, Reason = outcome.Reason },
        MigrationResult.RestartCold => seen with { State = VirtualMachineState.Failed, MigratingTo = null, Reason = outcome.Reason },
        MigrationResult.Unknown => seen with { Reason = outcome.Reason },
        _ => throw new InvalidOperationException($"A migration ended as {outcome.Result}, which nobody knows."),
    };

    private static bool IsUp(VirtualMachineRecord record) => record.State is not (VirtualMachineState.Stopped or VirtualMachineState.Failed);

    private static NodeException Unknown(string name) => new($"There is no virtual machine {name}. 'covol vm list' shows all.");

    /// <summary>A machine that was just made may not have come with the watch yet: then the store says whether there is one.</summary>
    private async Task<VirtualMachineRecord> RecordAsync(string name, CancellationToken cancellation)
    {
        if (_watch.Current.Machines.TryGetValue(name, out var machine))
        {
            return machine.Record;
        }

        return await _store.GetAsync(_keys.Machine(name), cancellation).ConfigureAwait(false) is { } entry
            ? StoreJson.Read<VirtualMachineRecord>(entry)
            : throw Unknown(name);
    }

    private VirtualMachinePlaces Places(string name) => new(_host.RunFolder, _host.LogFolder, name);

    private VirtualMachineView View(VirtualMachineRecord record) => new(
        record.Definition.Name,
        record.State.ToString(),
        record.Reason,
        record.Node?.ToString() ?? "",
        record.Definition.MemoryBytes,
        record.Definition.Processors,
        record.Definition.Disks,
        Places(record.Definition.Name).ConsoleLog);

    /// <summary>
    /// A sentence where QEMU would speak of its locks, which stay the guard: this looks at the mirror, which may be behind.
    /// </summary>
    private void RefuseSharedDisks(VirtualMachineRecord record)
    {
        foreach (var other in _watch.Current.Machines.Values.Select(machine => machine.Record))
        {
            if (other.Definition.Name != record.Definition.Name && IsUp(other)
                && record.Definition.Disks.Intersect(other.Definition.Disks, StringComparer.Ordinal).FirstOrDefault() is { } disk)
            {
                throw new NodeException(
                    $"{record.Definition.Name} cannot start: its disk {disk} is in use by {other.Definition.Name}, which is {other.State} on "
                    + $"{other.Node}. Stop that first: covol vm stop {other.Definition.Name}");
            }
        }
    }

    private void CheckThere(string? file, string what)
    {
        if (file is not null && !File.Exists(file))
        {
            throw new NodeException($"The {what} {file} does not exist on {_self}; it must be there on every node.");
        }
    }

    /// <summary>The same on every node but for the namespace's folder; the id comes from the name, so that it stays the same.</summary>
    private Covol.VirtualMachines.VirtualMachineDefinition ToRun(Definition definition)
    {
        var disks = definition.Disks.Select(disk =>
        {
            var path = Path.GetFullPath($"{_configuration.NamespaceRoot}/{disk}");
            if (!path.StartsWith($"{_configuration.NamespaceRoot}/", StringComparison.Ordinal))
            {
                throw new NodeException($"The disk '{disk}' is not below {_configuration.NamespaceRoot}; write it as Volume1/x.vhd.");
            }

            return DiskImage.Probe(path) switch
            {
                DiskProbe.Usable usable => new DiskImage(path, usable.Format, usable.VirtualSize),
                DiskProbe.Refused refused => throw new NodeException(refused.Sentence),
                var unknown => throw new InvalidOperationException($"A disk probe answered {unknown.GetType().Name}."),
            };
        }).ToArray();
        CheckThere(definition.Kernel, "kernel");
        CheckThere(definition.Initrd, "initial RAM disk");
        var id = new Guid(System.Security.Cryptography.SHA256.HashData(
            System.Text.Encoding.UTF8.GetBytes($"{_configuration.Cluster}/{definition.Name}")).AsSpan(0, 16));
        var kernel = definition.Kernel is { } file ? new DirectKernel(file, definition.Initrd, definition.Append ?? "") : null;
        return new Covol.VirtualMachines.VirtualMachineDefinition(
            definition.Name, id, new ByteCount(definition.MemoryBytes), definition.Processors, disks, kernel);
    }

    private void Watch(string name, VirtualMachineProcess machine)
    {
        _running[name] = machine;
        NodeLog.Machine(_log, name, "running", $"process {machine.ProcessId}");
        Track(name, WatchAsync(name, machine));
    }

    private void Track(string name, Task watching)
    {
        _watching.TryAdd(watching, name);
        _ = watching.ContinueWith(done => _watching.TryRemove(done, out _), TaskScheduler.Default);
    }

    /// <summary>The machine is this node's from the moment it runs here, whatever becomes of the peer that sent it.</summary>
    private async Task ArriveAsync(string name, LocalMigrationDestination destination)
    {
        await foreach (var report in destination.ReportsAsync(CancellationToken.None).ConfigureAwait(false))
        {
            if (report.Signal == MigrationSignal.Resumed && destination.Machine is { } machine)
            {
                Watch(name, machine);
                return;
            }
        }
    }

    /// <summary>A machine that ended by itself is told to the cluster, unless it is on its way to another node or being stopped.</summary>
    private async Task WatchAsync(string name, VirtualMachineProcess machine)
    {
        try
        {
            var end = await machine.Ended.ConfigureAwait(false);
            _running.TryRemove(new KeyValuePair<string, VirtualMachineProcess>(name, machine));
            await SetAsync(
                name,
                seen => seen.Node == _self && seen.State is VirtualMachineState.Running or VirtualMachineState.Starting
                    ? seen with
                    {
                        State = end.ByGuest ? VirtualMachineState.Stopped : VirtualMachineState.Failed,
                        Reason = end.ByGuest ? "" : $"it ended: {end.Reason ?? "QEMU died, its log says more"}",
                    }
                    : null,
                CancellationToken.None).ConfigureAwait(false);
            await machine.DisposeAsync().ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // We let go of it; it runs on.
        }
        catch (Exception failure) when (failure is NodeException or StoreUnavailableException or StoreRefusedException)
        {
            NodeLog.TriedAgain(_log, $"Telling the cluster that {name} ended", failure.Message);
        }
    }
}
