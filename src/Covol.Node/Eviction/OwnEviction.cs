using System.Globalization;
using Covol.Cluster.Records;
using Covol.Cluster.Store;
using Covol.Node.Processes;
using Covol.Protocol.Ids;
using Covol.Protocol.Store;
using Microsoft.Extensions.Logging;

namespace Covol.Node.Eviction;

/// <summary>
/// Obeys when the cluster has evicted this very node, which it learns when it wakes up or starts again: its locks and open files are
/// given to others by then. Everything of the old life ends: virtual machines, coordinators, mount process and holder; then the node comes
/// back with new keys. Which eviction was obeyed last is kept beside the processes, in the run directory.
/// </summary>
internal sealed class OwnEviction
{
    private static readonly TimeSpan s_retry = TimeSpan.FromSeconds(1);

    private readonly NodeId _self;
    private readonly string _runDirectory;
    private readonly ClusterWatch _watch;
    private readonly TimeProvider _time;
    private readonly ILogger<OwnEviction> _log;
    private long _obeyed;

    public OwnEviction(NodeId self, string runDirectory, ClusterWatch watch, TimeProvider time, ILogger<OwnEviction> log)
    {
        _self = self;
        _runDirectory = runDirectory;
        _watch = watch;
        _time = time;
        _log = log;
    }

    /// <summary>Number of the last eviction that everything which runs here came after. Any thread.</summary>
    public long Obeyed => Interlocked.Read(ref _obeyed);

    private string File => $"{_runDirectory}/obeyed-eviction";

    /// <summary>Call before anything of this node is started. What an earlier control plane left running is found, not ended, here.</summary>
    public async Task BeginAsync(IClusterStore store, StoreKeys keys, CancellationToken cancellation)
    {
        if (RoleProcess.All(_runDirectory).Count > 0)
        {
            // What runs is of the life that the file speaks of; without one, of a life before any eviction was obeyed.
            Remember(System.IO.File.Exists(File) ? long.Parse(System.IO.File.ReadAllText(File), CultureInfo.InvariantCulture) : 0);
            return;
        }

        // After a boot or an ordered stop nothing is left of the life that a record speaks of.
        var entry = await store.GetAsync(keys.Eviction(_self), cancellation).ConfigureAwait(false);
        Remember(entry is null ? 0 : StoreJson.Read<EvictionRecord>(entry).Number);
    }

    /// <summary>
    /// Has <paramref name="endAll"/> end everything at each eviction of this node, until cancelled. What cannot be ended is tried again:
    /// before all of it is gone nothing new gets a key.
    /// </summary>
    public async Task RunAsync(Func<EvictionRecord, CancellationToken, Task> endAll, CancellationToken cancellation)
    {
        while (true)
        {
            var state = await _watch.WaitAsync(IsEvicted, cancellation).ConfigureAwait(false);
            var eviction = state.Evictions[_self.Value].Record;
            NodeLog.Evicted(_log, eviction.By.ToString(), eviction.Number, eviction.Reason);
            try
            {
                await endAll(eviction, cancellation).ConfigureAwait(false);
                Remember(eviction.Number);
                NodeLog.EvictionObeyed(_log, eviction.Number);
            }
            catch (Exception failure) when (failure is NodeException or TimeoutException or IOException)
            {
                NodeLog.TriedAgain(_log, "Ending what was evicted", failure.Message);
                await Task.Delay(s_retry, _time, cancellation).ConfigureAwait(false);
            }
        }
    }

    private bool IsEvicted(ClusterState state) =>
        state.Evictions.TryGetValue(_self.Value, out var eviction) && eviction.Record.Number > Obeyed;

    private void Remember(long number)
    {
        // Renamed into place: half a number would be another eviction.
        var text = $"{File}.new";
        System.IO.File.WriteAllText(text, number.ToString(CultureInfo.InvariantCulture));
        System.IO.File.Move(text, File, overwrite: true);
        Interlocked.Exchange(ref _obeyed, number);
    }
}
