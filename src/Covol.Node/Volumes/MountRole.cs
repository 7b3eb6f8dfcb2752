using System.Collections.Concurrent;
using Covol.Api.Configuration;
using Covol.Cluster.Records;
using Covol.Cluster.Store;
using Covol.Node.Eviction;
using Covol.Node.Processes;
using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.Transport.Control;
using Microsoft.Extensions.Logging;

namespace Covol.Node.Volumes;

/// <summary>
/// Keeps this node's data plane running: the holder, the mount process, and in it every volume attached to whoever coordinates it. When
/// the mount process ends it is started again with fresh data keys: a key is one life of a data path (SAFETY 4).
/// </summary>
internal sealed class MountRole : IDisposable
{
    private const string HolderName = "hold";
    private const string MountName = "mount";
    private static readonly TimeSpan s_askLimit = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan s_attachLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_retry = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan s_refresh = TimeSpan.FromSeconds(2);

    private readonly NodeConfiguration _configuration;
    private readonly KeyAllocator _allocator;
    private readonly OwnEviction _eviction;
    private readonly DaemonCommand _daemon;
    private readonly TimeProvider _time;
    private readonly ILogger<MountRole> _log;
    private readonly ControlClient _control;
    private readonly ConcurrentDictionary<string, Wanted> _wanted = new();
    private readonly ConcurrentDictionary<string, ReservationKey> _keys = new();
    private readonly ConcurrentDictionary<string, Epoch> _attached = new();

    /// <summary>Volumes whose data path was fenced or failed, and which wait for a key that was never used (SAFETY 1, 4).</summary>
    private readonly ConcurrentDictionary<string, bool> _waitsForKey = new();

    /// <summary>Attaching and detaching of one volume do not overlap.</summary>
    private readonly ConcurrentDictionary<string, SemaphoreSlim> _turns = new();

    /// <summary>What is being attached, of the present mount process.</summary>
    private readonly Dictionary<string, Task> _following = [];
    private readonly SemaphoreSlim _changed = new(0);
    private readonly SemaphoreSlim _starting = new(1);
    private volatile RoleProcess? _mount;
    private volatile bool _stopping;

    public MountRole(
        NodeConfiguration configuration,
        KeyAllocator allocator,
        OwnEviction eviction,
        DaemonCommand daemon,
        TimeProvider time,
        ILogger<MountRole> log)
    {
        _configuration = configuration;
        _allocator = allocator;
        _eviction = eviction;
        _daemon = daemon;
        _time = time;
        _log = log;
        _control = new ControlClient(ControlSocket);
    }

    /// <summary>The mount process answered since it was started.</summary>
    public bool IsReady { get; private set; }

    private string ControlSocket => $"{_configuration.RunDirectory}/mount.sock";

    private string HolderSocket => $"{_configuration.RunDirectory}/hold.sock";

    /// <summary>Says who coordinates a volume; carried out soon, and again after each restart of the mount process.</summary>
    public void Want(string volume, string lunUri, Epoch epoch, IReadOnlyList<string> coordinator)
    {
        var before = _wanted.GetValueOrDefault(volume);
        _wanted[volume] = new Wanted(lunUri, epoch, coordinator);
        before?.Overtaken.Cancel();
        _changed.Release();
    }

    /// <summary>Says that a volume does not belong to the cluster any more.</summary>
    public void Forget(string volume)
    {
        _wanted.TryRemove(volume, out _);
        _changed.Release();
    }

    /// <summary>Starts or finds both processes and keeps them running until cancelled; then they go on alone.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        while (!_stopping)
        {
            try
            {
                await LiveAsync(cancellation).ConfigureAwait(false);
            }
            catch (Exception failure) when (IsPassing(failure))
            {
                NodeLog.TriedAgain(_log, "Keeping the data plane running", failure.Message);
                await Task.Delay(s_retry, _time, cancellation).ConfigureAwait(false);
            }
        }

        // The daemon goes on until the rest has ended too.
        await Task.Delay(Timeout.Infinite, cancellation).ConfigureAwait(false);
    }

    /// <summary>What is mounted here; nothing while the mount process does not answer.</summary>
    public async Task<IReadOnlyList<MountedVolume>> MountedAsync(CancellationToken cancellation)
    {
        try
        {
            var answer = await AskAsync(new QueryMountedVolumes(), s_askLimit, cancellation).ConfigureAwait(false);
            return answer.MountedVolumes ?? [];
        }
        catch (ControlException)
        {
            return [];
        }
    }

    /// <summary>Unmounts a volume here. Throws <see cref="NodeException"/> while files are open, unless forced.</summary>
    public async Task DetachAsync(string volume, bool force, CancellationToken cancellation)
    {
        var turn = _turns.GetOrAdd(volume, _ => new SemaphoreSlim(1));
        await turn.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            var wanted = _wanted.TryRemove(volume, out var removed) ? removed : null;
            if (!_attached.TryRemove(volume, out _))
            {
                return;
            }

            var answer = await AskAsync(new Detach(new DetachVolume(volume, force)), s_attachLimit, cancellation).ConfigureAwait(false);
            if (!answer.Ok)
            {
                if (wanted is not null)
                {
                    _wanted.TryAdd(volume, wanted);
                    _attached[volume] = wanted.Epoch;
                }

                throw new NodeException(answer.Error ?? $"{volume} could not be detached on node{_configuration.Node}.");
            }

            _keys.TryRemove(volume, out _);
            NodeLog.Detached(_log, volume);
        }
        catch (ControlException failure)
        {
            throw new NodeException($"{volume} could not be detached on node{_configuration.Node}: {failure.Message}", failure);
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>Ends both processes: volumes are unmounted, open files end.</summary>
    public async Task StopAsync(CancellationToken cancellation)
    {
        _stopping = true;
        var mount = _mount ?? RoleProcess.Find(MountName, _configuration.RunDirectory);
        if (mount is { Ended.IsCompleted: false })
        {
            try
            {
                await AskAsync(new Stop(), s_attachLimit, cancellation).ConfigureAwait(false);
                await mount.Ended.WaitAsync(s_attachLimit, _time, cancellation).ConfigureAwait(false);
            }
            catch (Exception failure) when (failure is ControlException or TimeoutException)
            {
                NodeLog.TriedAgain(_log, "Ending the mount process in order", failure.Message);
                mount.Kill();
            }
        }

        RoleProcess.Find(HolderName, _configuration.RunDirectory)?.Kill();
    }

    /// <summary>
    /// Kills both processes after an eviction and waits for their end: open files end with them, requests in flight are refused by the LUN.
    /// They are started afresh by <see cref="RunAsync"/>, and get new keys only when the eviction is obeyed.
    /// </summary>
    public async Task EndEvictedAsync(CancellationToken cancellation)
    {
        await _starting.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            foreach (var name in (string[])[MountName, HolderName])
            {
                if (RoleProcess.Find(name, _configuration.RunDirectory) is { } process)
                {
                    process.Kill();
                    await process.Ended.WaitAsync(s_attachLimit, _time, cancellation).ConfigureAwait(false);
                }
            }
        }
        finally
        {
            _starting.Release();
        }
    }

    /// <summary>Both processes run on.</summary>
    public void Dispose()
    {
        _changed.Dispose();
        _starting.Dispose();
    }

    private async Task LiveAsync(CancellationToken cancellation)
    {
        var mount = await StartAsync(cancellation).ConfigureAwait(false);
        _mount = mount;
        await WaitForAnswerAsync(mount, cancellation).ConfigureAwait(false);
        IsReady = true;
        using var living = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var keys = OfferKeysAsync(mount, living.Token);
        try
        {
            while (!mount.Ended.IsCompleted)
            {
                await FollowAllAsync(cancellation).ConfigureAwait(false);
                await Task.WhenAny(_changed.WaitAsync(s_refresh, cancellation), mount.Ended).ConfigureAwait(false);
                cancellation.ThrowIfCancellationRequested();
            }
        }
        finally
        {
            // What is asked of a process that is gone fails at once; the next one gets keys of its own.
            await living.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll([.. _following.Values, keys]).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _following.Clear();
        }

        IsReady = false;
        NodeLog.RoleEnded(_log, MountName, mount.Id, LogOf(MountName));
    }

    /// <summary>
    /// Looks which volumes go redirected and could go direct again: each gets a fresh key with its next attachment. Beside everything
    /// else, since a mount process that answers slowly must not delay what follows a takeover.
    /// </summary>
    private async Task OfferKeysAsync(RoleProcess mount, CancellationToken cancellation)
    {
        while (!mount.Ended.IsCompleted)
        {
            foreach (var volume in await MountedAsync(cancellation).ConfigureAwait(false))
            {
                if (volume.WantsKey && _waitsForKey.TryAdd(volume.Volume, true))
                {
                    _changed.Release();
                }
            }

            await Task.WhenAny(mount.Ended, Task.Delay(s_refresh, _time, cancellation)).ConfigureAwait(false);
            cancellation.ThrowIfCancellationRequested();
        }
    }

    /// <summary>The mount process, found or started, with its holder.</summary>
    private async Task<RoleProcess> StartAsync(CancellationToken cancellation)
    {
        await _starting.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            return FindOrStart();
        }
        finally
        {
            _starting.Release();
        }
    }

    private RoleProcess FindOrStart()
    {
        if (RoleProcess.Find(HolderName, _configuration.RunDirectory) is null)
        {
            StartRole(HolderName, ["hold", "--socket", HolderSocket]);
        }

        var mount = RoleProcess.Find(MountName, _configuration.RunDirectory);
        if (mount is null)
        {
            var file = $"{_configuration.RunDirectory}/mount.json";
            ConfigurationFile.Write(
                file,
                new MountConfiguration(
                    new NodeId(_configuration.Node),
                    _configuration.NamespaceRoot,
                    HolderSocket,
                    ControlSocket,
                    new TlsFiles(_configuration.Authority, _configuration.Certificate, _configuration.Key)));
            mount = StartRole(MountName, ["mount", "--config", file]);
            _keys.Clear();
            _waitsForKey.Clear();
            _attached.Clear();
        }
        else
        {
            NodeLog.RoleFound(_log, MountName, mount.Id);
        }

        return mount;
    }

    /// <summary>
    /// Each volume is attached, or told its new coordinator, beside the others: one whose LUN does not answer takes its whole limit, and the
    /// others have no longer than the grace of a takeover to reclaim what they hold (SAFETY 21).
    /// </summary>
    private async Task FollowAllAsync(CancellationToken cancellation)
    {
        foreach (var (volume, following) in _following.Where(volume => volume.Value.IsCompleted).ToArray())
        {
            _following.Remove(volume);
            await following.ConfigureAwait(false);
        }

        foreach (var volume in _wanted.Keys.Where(volume => !_following.ContainsKey(volume) && IsBehind(volume)).ToArray())
        {
            _following.Add(volume, FollowAsync(volume, cancellation));
        }
    }

    private bool IsBehind(string volume) => _wanted.TryGetValue(volume, out var wanted)
        && (_waitsForKey.ContainsKey(volume) || !(_attached.TryGetValue(volume, out var epoch) && epoch.Value >= wanted.Epoch.Value));

    private async Task FollowAsync(string volume, CancellationToken cancellation)
    {
        var turn = _turns.GetOrAdd(volume, _ => new SemaphoreSlim(1));
        await turn.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            while (IsBehind(volume) && _wanted.TryGetValue(volume, out var wanted))
            {
                await AttachAsync(volume, wanted, cancellation).ConfigureAwait(false);
            }
        }
        catch (Exception failure) when (IsPassing(failure))
        {
            NodeLog.TriedAgain(_log, $"Attaching {volume}", failure.Message);
            await Task.Delay(s_retry, _time, cancellation).ConfigureAwait(false);
        }
        finally
        {
            turn.Release();
            _changed.Release();
        }
    }

    /// <summary>
    /// Ends without having attached when somebody else coordinates the volume meanwhile: the attachment may be waiting for one that is gone.
    /// </summary>
    private async Task AttachAsync(string volume, Wanted wanted, CancellationToken cancellation)
    {
        if (_waitsForKey.TryRemove(volume, out _))
        {
            _keys.TryRemove(volume, out _);
        }

        if (!_keys.TryGetValue(volume, out var key))
        {
            key = await _allocator.NewDataKeyAsync(new NodeId(_configuration.Node), _eviction.Obeyed, cancellation).ConfigureAwait(false);
            _keys[volume] = key;
        }

        using var overtaken = CancellationTokenSource.CreateLinkedTokenSource(cancellation, wanted.Overtaken.Token);
        ControlAnswer answer;
        try
        {
            var order = new Attach(new AttachVolume(volume, wanted.LunUri, key, wanted.Epoch, wanted.Coordinator));
            answer = await AskAsync(order, s_attachLimit, overtaken.Token).ConfigureAwait(false);
        }
        catch (ControlException) when (!_attached.ContainsKey(volume))
        {
            // Nobody knows whether it was registered, and a key has one life only.
            _keys.TryRemove(volume, out _);
            throw;
        }
        catch (OperationCanceledException) when (wanted.Overtaken.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            return;
        }

        if (!answer.Ok)
        {
            // The key may have been registered before the rest failed, and a key has one life only.
            if (!_attached.ContainsKey(volume))
            {
                _keys.TryRemove(volume, out _);
            }

            throw new NodeException($"{volume} could not be attached: {answer.Error}");
        }

        _attached[volume] = wanted.Epoch;
        NodeLog.Attached(_log, volume, wanted.Epoch.ToString(), wanted.Coordinator[0]);
    }

    private async Task WaitForAnswerAsync(RoleProcess mount, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                var answer = await AskAsync(new QueryMountedVolumes(), s_askLimit, cancellation).ConfigureAwait(false);
                foreach (var volume in answer.MountedVolumes ?? [])
                {
                    _attached[volume.Volume] = volume.Epoch;
                }

                return;
            }
            catch (ControlException) when (!mount.Ended.IsCompleted)
            {
                // It has not opened its socket yet.
                await Task.WhenAny(mount.Ended, Task.Delay(s_retry, _time, cancellation)).ConfigureAwait(false);
                cancellation.ThrowIfCancellationRequested();
            }
        }
    }

    private async Task<ControlAnswer> AskAsync(ControlRequest request, TimeSpan limit, CancellationToken cancellation)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(limit);
        try
        {
            return await _control.AskAsync(request, deadline.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException failure) when (!cancellation.IsCancellationRequested)
        {
            throw new ControlException($"The mount process did not answer within {limit.TotalSeconds:0} s.", failure);
        }
    }

    /// <summary>Whatever comes and goes: it is told and tried again. Anything else is the daemon's failure.</summary>
    private static bool IsPassing(Exception failure) =>
        failure is NodeException or ControlException or StoreUnavailableException or StoreRefusedException or NodeEvictedException;

    private RoleProcess StartRole(string name, IReadOnlyList<string> arguments)
    {
        var process = RoleProcess.Start(name, _configuration.RunDirectory, LogOf(name), [.. _daemon.Words, .. arguments]);
        NodeLog.RoleStarted(_log, name, process.Id);
        return process;
    }

    private string LogOf(string name) => $"{_configuration.LogDirectory}/{name}.log";

    /// <summary>Cancelled (never disposed: it has no timer) when a newer one took its place.</summary>
    private sealed record Wanted(string LunUri, Epoch Epoch, IReadOnlyList<string> Coordinator)
    {
        public CancellationTokenSource Overtaken { get; } = new();
    }
}
