using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Threading.Channels;
using Covol.Cluster.Etcd;
using Covol.Cluster.Store;
using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.Protocol.Membership;
using Covol.Protocol.Store;
using Microsoft.Extensions.Logging;

namespace Covol.Cluster.Membership;

/// <summary>
/// Heartbeats over TCP, one line of JSON each, with mutual TLS where certificates are configured. Each node listens, and connects to
/// every peer to send; a connection carries heartbeats one way. A closed one is a sign that the peer's process ended.
/// </summary>
public sealed class PeerNetwork : IPeerNetwork, IDisposable
{
    private const int WaitingMax = 4;
    private const int ConnectionsMax = 256;
    private static readonly TimeSpan s_connectLimit = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_retryInterval = TimeSpan.FromMilliseconds(250);

    private readonly IPEndPoint _listen;
    private readonly TlsFiles? _tls;
    private readonly TimeProvider _time;
    private readonly ILogger<PeerNetwork> _log;
    private readonly ConcurrentDictionary<NodeId, Sender> _senders = new();
    private readonly ConcurrentDictionary<Task, byte> _receivers = new();
    private readonly CancellationTokenSource _ending = new();
    private X509Certificate2? _certificate;

    public PeerNetwork(IPEndPoint listen, TlsFiles? tls, TimeProvider time, ILogger<PeerNetwork> log)
    {
        _listen = listen;
        _tls = tls;
        _time = time;
        _log = log;
    }

    public void SetPeers(IReadOnlyList<MemberRecord> peers)
    {
        foreach (var (node, sender) in _senders)
        {
            if (!peers.Any(peer => peer.Node == node && peer.PeerEndpoints.SequenceEqual(sender.Endpoints)))
            {
                sender.Ending.Cancel();
                _senders.TryRemove(node, out _);
            }
        }

        foreach (var peer in peers.Where(peer => peer.PeerEndpoints.Count > 0 && !_senders.ContainsKey(peer.Node)))
        {
            var sender = new Sender(peer.Node, peer.PeerEndpoints, CancellationTokenSource.CreateLinkedTokenSource(_ending.Token));
            _senders[peer.Node] = sender;
            Keep(SendAsync(sender));
        }
    }

    public void Send(Heartbeat heartbeat)
    {
        var line = JsonSerializer.SerializeToUtf8Bytes(heartbeat, PeerJsonContext.Default.Heartbeat);
        foreach (var sender in _senders.Values)
        {
            sender.Waiting.Writer.TryWrite([.. line, (byte)'\n']);
        }
    }

    public async Task RunAsync(Action<MembershipInput> tell, CancellationToken cancellation)
    {
        using var listener = new TcpListener(_listen);
        listener.Server.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        listener.Start();
        try
        {
            while (true)
            {
                var client = await listener.AcceptTcpClientAsync(cancellation).ConfigureAwait(false);
                if (_receivers.Count >= ConnectionsMax)
                {
                    MembershipLog.ConnectionRefused(_log, $"there are {ConnectionsMax} already");
                    client.Dispose();
                    continue;
                }

                Keep(ReceiveAsync(client, tell, cancellation));
            }
        }
        finally
        {
            await _ending.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(_receivers.Keys).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>After <see cref="RunAsync"/> has ended.</summary>
    public void Dispose()
    {
        _ending.Dispose();
        _certificate?.Dispose();
    }

    /// <summary>Remembers a running part until it ends, so that <see cref="RunAsync"/> can wait for all of them.</summary>
    private void Keep(Task part)
    {
        _receivers.TryAdd(part, 0);
        part.ContinueWith(ended => _receivers.TryRemove(ended, out _), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    private async Task ReceiveAsync(TcpClient client, Action<MembershipInput> tell, CancellationToken cancellation)
    {
        NodeId? from = null;
        try
        {
            using (client)
            {
                await using var stream = await SecureAsync(client, null, cancellation).ConfigureAwait(false);
                await using var lines = new LineReader(stream);
                while (await lines.ReadAsync(cancellation).ConfigureAwait(false) is { } line)
                {
                    var heartbeat = JsonSerializer.Deserialize(line, PeerJsonContext.Default.Heartbeat)
                        ?? throw new JsonException("A heartbeat is empty.");
                    if (from is { } known ? known != heartbeat.From : !IsNamed(stream, heartbeat.From))
                    {
                        MembershipLog.ConnectionRefused(_log, $"its certificate does not name {heartbeat.From}");
                        return;
                    }

                    from = heartbeat.From;
                    tell(new HeartbeatReceived(heartbeat.From, heartbeat.Hears.ToHashSet(), heartbeat.IsRestarting));
                }
            }
        }
        catch (Exception failure) when (IsBroken(failure))
        {
            MembershipLog.ConnectionEnded(_log, from?.Value ?? 0, failure.Message);
        }
        finally
        {
            if (from is { } peer && !cancellation.IsCancellationRequested)
            {
                tell(new PeerConnectionLost(peer));
            }
        }
    }

    private async Task SendAsync(Sender sender)
    {
        var cancellation = sender.Ending.Token;
        for (var attempt = 0; !cancellation.IsCancellationRequested; attempt++)
        {
            try
            {
                var endpoint = Parse(sender.Endpoints[attempt % sender.Endpoints.Count]);
                using var client = new TcpClient { NoDelay = true };
                using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
                limit.CancelAfter(s_connectLimit);
                await client.ConnectAsync(endpoint, limit.Token).ConfigureAwait(false);
                await using var stream = await SecureAsync(client, sender.Node, limit.Token).ConfigureAwait(false);
                await foreach (var line in sender.Waiting.Reader.ReadAllAsync(cancellation).ConfigureAwait(false))
                {
                    await stream.WriteAsync(line, cancellation).ConfigureAwait(false);
                }
            }
            catch (Exception failure) when (IsBroken(failure))
            {
                MembershipLog.ConnectionEnded(_log, sender.Node.Value, failure.Message);
            }

            await Task.Delay(s_retryInterval, _time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>The plain stream without certificates; else TLS, as a client of <paramref name="server"/> or, with null, as the server.</summary>
    private async Task<Stream> SecureAsync(TcpClient client, NodeId? server, CancellationToken cancellation)
    {
        if (_tls is not { } files)
        {
            return client.GetStream();
        }

        _certificate ??= Certificate(files);
        var trust = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
        };
        trust.CustomTrustStore.ImportFromPemFile(files.Authority);
        var secure = new SslStream(client.GetStream());
        try
        {
            if (server is { } node)
            {
                await secure.AuthenticateAsClientAsync(
                    new SslClientAuthenticationOptions
                    {
                        TargetHost = $"node{node.Value}",
                        ClientCertificates = [_certificate],
                        CertificateChainPolicy = trust,
                        RemoteCertificateValidationCallback = (_, remote, _, errors) =>
                            (errors & ~SslPolicyErrors.RemoteCertificateNameMismatch) == 0 && CommonName(remote) == $"node{node.Value}",
                    },
                    cancellation).ConfigureAwait(false);
            }
            else
            {
                await secure.AuthenticateAsServerAsync(
                    new SslServerAuthenticationOptions
                    {
                        ServerCertificate = _certificate,
                        ClientCertificateRequired = true,
                        CertificateChainPolicy = trust,
                    },
                    cancellation).ConfigureAwait(false);
            }

            return secure;
        }
        catch
        {
            await secure.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static bool IsNamed(Stream stream, NodeId node) =>
        stream is not SslStream secure || CommonName(secure.RemoteCertificate) == $"node{node.Value}";

    private static string? CommonName(X509Certificate? certificate) =>
        (certificate as X509Certificate2)?.GetNameInfo(X509NameType.SimpleName, forIssuer: false);

    private static X509Certificate2 Certificate(TlsFiles files)
    {
        // Through PKCS#12, because a key that exists in memory only is not offered to TLS on all platforms.
        using var pem = X509Certificate2.CreateFromPemFile(files.Certificate, files.Key);
        return X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null);
    }

    private static bool IsBroken(Exception failure) =>
        failure is IOException or SocketException or OperationCanceledException or AuthenticationException or JsonException
            or FormatException or StoreRefusedException;

    private static IPEndPoint Parse(string endpoint) => endpoint.StartsWith("tcp:", StringComparison.Ordinal)
        ? IPEndPoint.Parse(endpoint["tcp:".Length..])
        : throw new FormatException($"'{endpoint}' is not a peer's endpoint: tcp:ADDRESS:PORT.");

    private sealed record Sender(NodeId Node, IReadOnlyList<string> Endpoints, CancellationTokenSource Ending)
    {
        /// <summary>Old heartbeats are worth nothing: a slow connection gets the newest.</summary>
        public Channel<byte[]> Waiting { get; } = Channel.CreateBounded<byte[]>(
            new BoundedChannelOptions(WaitingMax) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, Converters = [typeof(NodeIdJson)])]
[JsonSerializable(typeof(Heartbeat))]
internal sealed partial class PeerJsonContext : JsonSerializerContext;
