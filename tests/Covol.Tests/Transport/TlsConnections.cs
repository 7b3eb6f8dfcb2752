using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.Protocol.Volume;
using Covol.Transport;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;

namespace Covol.Tests.Transport;

/// <summary>Between nodes: mutual TLS, and who is not let in.</summary>
public sealed class TlsConnections : IAsyncLifetime, IDisposable
{
    private readonly Certificates _cluster = new();
    private readonly Certificates _foreign = new();
    private readonly ScriptedService _service;
    private readonly TlsIdentity _serverIdentity;
    private readonly VolumeListener _listener;
    private NodeId _caller;

    public TlsConnections()
    {
        _service = new ScriptedService((caller, call, _) =>
        {
            _caller = caller.Node;
            return ValueTask.FromResult(call.Request is ReadData read
                ? new VolumeAnswer(ScriptedService.Epoch, new DataRead(read.Length), Enumerable.Repeat((byte)7, read.Length).ToArray())
                : new VolumeAnswer(ScriptedService.Epoch, new LockQueued(call.Data.Length), default));
        });
        _serverIdentity = TlsIdentity.Load(_cluster.Of("node1"));
        _listener = VolumeListener.Start(
            [PeerEndpoint.Parse("tcp:127.0.0.1:0")],
            _service,
            new NodeId(1),
            _serverIdentity,
            Net.Patient,
            TimeProvider.System,
            NullLogger.Instance);
    }

    private PeerEndpoint Endpoint => _listener.Endpoints[0];

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _listener.DisposeAsync();

    public void Dispose()
    {
        _serverIdentity.Dispose();
        _cluster.Dispose();
        _foreign.Dispose();
    }

    [Fact]
    public async Task Two_nodes_of_a_cluster_talk_and_the_certificate_says_which_node_it_is()
    {
        using var identity = TlsIdentity.Load(_cluster.Of("node3"));
        await using var connection = await ConnectAsync(identity);
        var target = new byte[300_000];

        var write = await connection.CallAsync(Net.Call(Net.Write(), data: new byte[1024 * 1024]), default, default);
        var read = await connection.CallAsync(Net.Call(Net.Read(target.Length), slot: 1), target, default);

        identity.Node.ShouldBe(new NodeId(3));
        _caller.ShouldBe(new NodeId(3));
        write.Reply.ShouldBe(new LockQueued(1024 * 1024));
        read.Reply.ShouldBe(new DataRead(target.Length));
        target.ShouldAllBe(value => value == 7);
    }

    [Fact]
    public async Task A_server_that_is_another_node_than_the_one_meant_is_refused()
    {
        using var identity = TlsIdentity.Load(_cluster.Of("node3"));
        await using (await ConnectAsync(identity, PeerEndpoint.Parse($"tcp:node1@{Endpoint.Address}")))
        {
            var refusal = await ConnectAsync(identity, PeerEndpoint.Parse($"tcp:node2@{Endpoint.Address}"))
                .ShouldThrowAsync<ConnectionLostException>();

            refusal.Message.ShouldContain("node1 answers there, not node2");
            _service.Calls.ShouldBeEmpty();
        }
    }

    [Fact]
    public async Task A_client_of_a_foreign_authority_is_refused()
    {
        // It trusts the server, so that the server is the one that refuses.
        var files = _foreign.Of("node3") with { Authority = _cluster.Of("node4").Authority };
        using var identity = TlsIdentity.Load(files);

        await ConnectAsync(identity).ShouldThrowAsync<ConnectionLostException>();
        _service.Calls.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_server_of_a_foreign_authority_is_refused()
    {
        var files = _cluster.Of("node3") with { Authority = _foreign.Of("node4").Authority };
        using var identity = TlsIdentity.Load(files);

        await ConnectAsync(identity).ShouldThrowAsync<ConnectionLostException>();
        _service.Calls.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_certificate_that_names_no_node_is_refused()
    {
        Should.Throw<AuthenticationException>(() => TlsIdentity.Load(_cluster.Of("operator"))).Message.ShouldContain("node<n>");
        Should.Throw<AuthenticationException>(() => TlsIdentity.Load(_cluster.Of("node65")));

        (await IsLetInAsync(_cluster.Of("stranger"))).ShouldBeFalse();
        (await IsLetInAsync(_cluster.Of("node5"))).ShouldBeTrue();
    }

    [Fact]
    public async Task A_client_without_a_certificate_is_refused()
    {
        (await IsLetInAsync(null)).ShouldBeFalse();
        _service.Calls.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_client_without_TLS_is_refused()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(Endpoint.Address!);

        await socket.SendAsync("GET / HTTP/1.0\r\n\r\n"u8.ToArray());

        (await EndsAsync(new NetworkStream(socket))).ShouldBeTrue();
        _service.Calls.ShouldBeEmpty();
    }

    [Fact]
    public void A_TCP_endpoint_needs_certificates() => Should.Throw<AuthenticationException>(() => VolumeListener.Start(
        [PeerEndpoint.Tcp(new IPEndPoint(IPAddress.Loopback, 0))],
        _service,
        new NodeId(1),
        null,
        Net.Patient,
        TimeProvider.System,
        NullLogger.Instance)).Message.ShouldContain("certificate");

    private static async Task<bool> EndsAsync(Stream stream)
    {
        using var patience = new CancellationTokenSource(Net.Patience);
        try
        {
            while (await stream.ReadAsync(new byte[256], patience.Token) > 0)
            {
                patience.Token.ThrowIfCancellationRequested();
            }

            return true;
        }
        catch (Exception failure) when (failure is IOException or SocketException or AuthenticationException)
        {
            return true;
        }
    }

    private Task<VolumeConnection> ConnectAsync(TlsIdentity identity, PeerEndpoint? to = null) => VolumeConnection.ConnectAsync(
        to ?? Endpoint, identity, _ => { }, Net.Patient, TimeProvider.System, CancellationToken.None);

    /// <summary>A client of our own, which does not check anything: says hello and looks whether it is answered.</summary>
    private async Task<bool> IsLetInAsync(TlsFiles? files)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(Endpoint.Address!);
        using var stream = new SslStream(new NetworkStream(socket), false, (_, certificate, _, _) => certificate is not null);
        var options = new SslClientAuthenticationOptions { TargetHost = "node1", EnabledSslProtocols = SslProtocols.Tls13 };
        if (files is not null)
        {
            options.ClientCertificates =
            [
                System.Security.Cryptography.X509Certificates.X509Certificate2.CreateFromPemFile(files.Certificate, files.Key),
            ];
        }

        try
        {
            await stream.AuthenticateAsClientAsync(options);
            await stream.WriteAsync(Frames.Hello());
            return await stream.ReadAsync(new byte[256]) > 0;
        }
        catch (Exception failure) when (failure is IOException or AuthenticationException)
        {
            return false;
        }
    }
}
