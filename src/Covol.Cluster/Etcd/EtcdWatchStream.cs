using System.Text.Json;
using Covol.Cluster.Store;
using Covol.Protocol.Store;

namespace Covol.Cluster.Etcd;

/// <summary>
/// One stream of a watch on one member. A stream that is silent for a while is only believed while its member answers a
/// linearizable read, because a stopped process keeps its connections open.
/// </summary>
internal sealed class EtcdWatchStream : IAsyncDisposable
{
    private readonly EtcdGateway _gateway;
    private readonly EtcdOptions _options;
    private readonly TimeProvider _time;
    private readonly string _prefix;
    private readonly List<StoreChange> _partial = [];
    private StoreRevision _told;
    private HttpResponseMessage? _answer;
    private Stream? _stream;
    private LineReader? _lines;

    public EtcdWatchStream(EtcdGateway gateway, EtcdOptions options, TimeProvider time, string prefix, StoreRevision told)
    {
        _gateway = gateway;
        _options = options;
        _time = time;
        _prefix = prefix;
        _told = told;
        Member = gateway.Preferred;
    }

    public Uri Member { get; }

    /// <summary>The stream ended because the history after the last told revision is gone.</summary>
    public bool IsCompacted { get; private set; }

    /// <summary>The next changes, or null when the stream has ended.</summary>
    public async Task<StoreUpdate?> ReadAsync(CancellationToken cancellation)
    {
        await OpenAsync(cancellation).ConfigureAwait(false);
        while (await ReadLineAsync(cancellation).ConfigureAwait(false) is { } line)
        {
            var message = JsonSerializer.Deserialize(line, EtcdJsonContext.Default.WatchLine);
            if (message?.Result is not { } result)
            {
                throw new StoreUnavailableException($"etcd ended a watch: {message?.Error?.Sentence ?? "it sent an empty line"}.");
            }

            if (result.Canceled)
            {
                IsCompacted = result.CompactRevision > 0;
                return IsCompacted
                    ? null
                    : throw new StoreUnavailableException($"etcd cancelled a watch: {result.CancelReason}.");
            }

            if (result.Events is { Count: > 0 } events)
            {
                return Update(EtcdStore.RevisionOf(result.Header), events);
            }
        }

        return null;
    }

    public async ValueTask DisposeAsync()
    {
        if (_lines is not null)
        {
            await _lines.DisposeAsync().ConfigureAwait(false);
        }

        if (_stream is not null)
        {
            await _stream.DisposeAsync().ConfigureAwait(false);
        }

        _answer?.Dispose();
    }

    private async Task OpenAsync(CancellationToken cancellation)
    {
        if (_lines is null)
        {
            var request = new WatchRequest(
                new WatchCreate(EtcdStore.Bytes(_prefix), EtcdStore.PrefixEnd(_prefix), _told.Value + 1));
            (_answer, _stream) = await _gateway
                .OpenStreamAsync(Member, "v3/watch", request, EtcdJsonContext.Default.WatchRequest, cancellation)
                .ConfigureAwait(false);
            _lines = new LineReader(_stream);
        }
    }

    private async Task<byte[]?> ReadLineAsync(CancellationToken cancellation)
    {
        using var reading = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var line = _lines!.ReadAsync(reading.Token);
        try
        {
            while (!await IsDoneAsync(line, cancellation).ConfigureAwait(false))
            {
                await CheckMemberAsync(cancellation).ConfigureAwait(false);
            }
        }
        catch
        {
            // The read must have ended before its stream is disposed; what it says does not matter any more.
            await reading.CancelAsync().ConfigureAwait(false);
            await ((Task)line).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }

        return await line.ConfigureAwait(false);
    }

    private async Task<bool> IsDoneAsync(Task line, CancellationToken cancellation)
    {
        using var wait = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var silence = Task.Delay(_options.WatchCheckInterval, _time, wait.Token);
        var first = await Task.WhenAny(line, silence).ConfigureAwait(false);
        await wait.CancelAsync().ConfigureAwait(false);
        cancellation.ThrowIfCancellationRequested();
        return first == line;
    }

    /// <summary>Throws when the member is dead, stopped, or without a quorum.</summary>
    private async Task CheckMemberAsync(CancellationToken cancellation)
    {
        var json = EtcdJsonContext.Default;
        var request = new RangeRequest(EtcdStore.Bytes(_prefix), EtcdStore.PrefixEnd(_prefix), KeysOnly: true, Limit: 1);
        await _gateway.CallAsync(Member, "v3/kv/range", request, json.RangeRequest, json.RangeResponse, cancellation)
            .ConfigureAwait(false);
    }

    private StoreUpdate Update(StoreRevision revision, List<EtcdEvent> events)
    {
        // The header's revision may lie past these events while more of them are on their way: only what was seen counts as told.
        _partial.Clear();
        _partial.AddRange(events.Select(change => change.ToChange()).Where(change => change.Revision > _told));
        _told = _partial.Count > 0 ? _partial[^1].Revision : _told;
        return new StoreUpdate(_told <= revision ? _told : revision, false, [.. _partial]);
    }
}
