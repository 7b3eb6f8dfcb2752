using System.Collections.Concurrent;
using Covol.Api.Configuration;
using Covol.Cluster.Records;
using Covol.Cluster.Store;
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
    private readonly DaemonCommand _daemon;
    private readonly TimeProvider _time;
    private readonly ILogger<MountRole> _log;
    private readonly ControlClient _control;
    private readonly ConcurrentDictionary<string, Wanted> _wanted = new();
    private readonly Dictionary<string, ReservationKey> _keys = [];
    private readonly Dictionary<string, Epoch> _attached = [];
    private readonly SemaphoreSlim _changed = new(0);
    private readonly SemaphoreSlim _attaching = new(1);
    private volatile RoleProcess? _mount;
    private volatile bool _stopping;

    public MountRole(
        NodeConfiguration configuration,
        KeyAllocator allocator,
        DaemonCommand daemon,
        TimeProvider time,
        ILogger<MountRole> log)
    {
        _configuration = configuration;
        _allocator = allocator;
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
            catch (Exception failure) when (failure is NodeException or ControlException or StoreUnavailableException or StoreRefusedException)
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
        await _attaching.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            var wanted = _wanted.TryRemove(volume, out var removed) ? removed : null;
            if (!_attached.Remove(volume))
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

            _keys.Remove(volume);
            NodeLog.Detached(_log, volume);
        }
        catch (ControlException failure)
        {
            throw new NodeException($"{volume} could not be detached on node{_configuration.Node}: {failure.Message}", failure);
        }
        finally
        {
            _attaching.Release();
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

    /// <summary>Both processes run on.</summary>
    public void Dispose()
    {
        _changed.Dispose();
        _attaching.Dispose();
    }

    private async Task LiveAsync(CancellationToken cancellation)
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
            _attached.Clear();
        }
        else
        {
            NodeLog.RoleFound(_log, MountName, mount.Id);
        }

        _mount = mount;
        await WaitForAnswerAsync(mount, cancellation).ConfigureAwait(false);
        IsReady = true;
        while (!mount.Ended.IsCompleted)
        {
            await AttachAllAsync(cancellation).ConfigureAwait(false);
            await Task.WhenAny(_changed.WaitAsync(s_refresh, cancellation), mount.Ended).ConfigureAwait(false);
            cancellation.ThrowIfCancellationRequested();
        }

        IsReady = false;
        NodeLog.RoleEnded(_log, MountName, mount.Id, LogOf(MountName));
    }

    private async Task AttachAllAsync(CancellationToken cancellation)
    {
        await _attaching.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            // Those that are mounted only learn who coordinates them now, which is instant and cannot wait for a volume that cannot be
            // attached: they have the length of the grace to reclaim what they hold (SAFETY 21).
            string? failure = null;
            foreach (var (volume, wanted) in _wanted.OrderBy(volume => !_attached.ContainsKey(volume.Key)))
            {
                if (_attached.TryGetValue(volume, out var epoch) && epoch.Value >= wanted.Epoch.Value)
                {
                    continue;
                }

                if (!_keys.TryGetValue(volume, out var key))
                {
                    key = await _allocator.NewDataKeyAsync(new NodeId(_configuration.Node), cancellation).ConfigureAwait(false);
                    _keys.Add(volume, key);
                }

                var (answer, under) = await AttachAsync(volume, wanted, key, cancellation).ConfigureAwait(false);
                if (!answer.Ok)
                {
                    // The key may have been registered before the rest failed, and a key has one life only.
                    if (!_attached.ContainsKey(volume))
                    {
                        _keys.Remove(volume);
                    }

                    failure ??= $"{volume} could not be attached: {answer.Error}";
                    continue;
                }

                _attached[volume] = under.Epoch;
                NodeLog.Attached(_log, volume, under.Epoch.ToString(), under.Coordinator[0]);
            }

            if (failure is not null)
            {
                throw new NodeException(failure);
            }
        }
        finally
        {
            _attaching.Release();
        }
    }

    /// <summary>
    /// Has a volume attached, and says at once when somebody else coordinates it meanwhile: the attachment may be waiting for one that is
    /// gone. Answers under which epoch it was attached.
    /// </summary>
    private async Task<(ControlAnswer Answer, Wanted Under)> AttachAsync(
        string volume, Wanted wanted, ReservationKey key, CancellationToken cancellation)
    {
        while (true)
        {
            using var overtaken = CancellationTokenSource.CreateLinkedTokenSource(cancellation, wanted.Overtaken.Token);
            try
            {
                var order = new Attach(new AttachVolume(volume, wanted.LunUri, key, wanted.Epoch, wanted.Coordinator));
                return (await AskAsync(order, s_attachLimit, overtaken.Token).ConfigureAwait(false), wanted);
            }
            catch (ControlException) when (!_attached.ContainsKey(volume))
            {
                // Nobody knows whether it was registered, and a key has one life only.
                _keys.Remove(volume);
                throw;
            }
            catch (OperationCanceledException) when (wanted.Overtaken.IsCancellationRequested && !cancellation.IsCancellationRequested)
            {
                wanted = _wanted.GetValueOrDefault(volume) ?? throw new NodeException($"{volume} left the cluster while it was attached.");
            }
        }
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
