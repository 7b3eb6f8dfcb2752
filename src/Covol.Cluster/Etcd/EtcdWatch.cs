using System.Runtime.CompilerServices;
using System.Text.Json;
using Covol.Cluster.Store;
using Covol.Protocol.Store;
using Microsoft.Extensions.Logging;

namespace Covol.Cluster.Etcd;

/// <summary>
/// One watch. It begins with a range, follows the changes after that revision on a stream, and opens the next stream, on another
/// member if need be, after the last revision it has told. Where that revision is compacted it begins again with a range.
/// </summary>
internal sealed class EtcdWatch
{
    private readonly EtcdStore _store;
    private readonly EtcdGateway _gateway;
    private readonly EtcdOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly string _prefix;
    private StoreRevision? _told;

    public EtcdWatch(
        EtcdStore store, EtcdGateway gateway, EtcdOptions options, TimeProvider time, ILogger log, string prefix)
    {
        _store = store;
        _gateway = gateway;
        _options = options;
        _time = time;
        _log = log;
        _prefix = prefix;
    }

    public async IAsyncEnumerable<StoreUpdate> RunAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        while (true)
        {
            if (_told is null && await TrySnapshotAsync(cancellation).ConfigureAwait(false) is { } snapshot)
            {
                _told = snapshot.Revision;
                yield return snapshot;
            }

            if (_told is { } told)
            {
                await using var stream = new EtcdWatchStream(_gateway, _options, _time, _prefix, told);
                while (await TryReadAsync(stream, cancellation).ConfigureAwait(false) is { } update)
                {
                    _told = update.Revision;
                    if (update.Changes.Count > 0)
                    {
                        yield return update;
                    }
                }

                if (stream.IsCompacted)
                {
                    EtcdLog.WatchCompacted(_log, _prefix, told.Value);
                    _told = null;
                    continue;
                }
            }

            await Task.Delay(_options.WatchRetryInterval, _time, cancellation).ConfigureAwait(false);
        }
    }

    private async Task<StoreUpdate?> TrySnapshotAsync(CancellationToken cancellation)
    {
        try
        {
            var range = await _store.GetRangeAsync(_prefix, cancellation).ConfigureAwait(false);
            return new StoreUpdate(range.Revision, true, [.. range.Entries.Select(e => new StoreChange(e.Key, e.Revision, e))]);
        }
        catch (StoreUnavailableException failure)
        {
            EtcdLog.WatchInterrupted(_log, _prefix, failure.Message);
            return null;
        }
    }

    /// <summary>The next update; null when the stream ended and another one is to be opened.</summary>
    private async Task<StoreUpdate?> TryReadAsync(EtcdWatchStream stream, CancellationToken cancellation)
    {
        try
        {
            return await stream.ReadAsync(cancellation).ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is StoreUnavailableException or StoreRefusedException or JsonException
            || EtcdGateway.IsNoAnswer(failure, cancellation))
        {
            EtcdLog.WatchInterrupted(_log, _prefix, failure.Message);
            _gateway.Avoid(stream.Member);
            return null;
        }
    }
}
