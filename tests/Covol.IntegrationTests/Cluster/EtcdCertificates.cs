using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Covol.Cluster.Store;
using Covol.Tests.Cluster;
using Covol.Tests.Transport;
using Shouldly;
using Xunit;

namespace Covol.IntegrationTests.Cluster;

/// <summary>Who has no certificate of the cluster does not get at its store.</summary>
public sealed class EtcdCertificates : IAsyncLifetime, IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);
    private readonly Certificates _cluster = new();
    private readonly Certificates _foreign = new();
    private EtcdFixture? _etcd;

    public async Task InitializeAsync() => _etcd = await EtcdFixture.StartAsync(members: 3, _cluster.Of);

    public async Task DisposeAsync()
    {
        if (_etcd is not null)
        {
            await _etcd.DisposeAsync();
        }
    }

    public void Dispose()
    {
        _cluster.Dispose();
        _foreign.Dispose();
    }

    [StoreFact]
    public async Task A_node_of_the_cluster_reads_writes_and_watches()
    {
        await using var store = EtcdFixture.Connect(_etcd!.Endpoints, _cluster.Of("node7"));
        await using var watch = store.WatchAsync("/t/", default).GetAsyncEnumerator();
        (await watch.MoveNextAsync().AsTask().WaitAsync(s_limit)).ShouldBeTrue();

        await store.CommitAsync(new StoreTransaction([], [new StorePut("/t/a", "1")]), default);

        (await watch.MoveNextAsync().AsTask().WaitAsync(s_limit)).ShouldBeTrue();
        watch.Current.Changes.ShouldHaveSingleItem().Entry.ShouldNotBeNull().Value.ShouldBe("1");
        (await store.GetAsync("/t/a", default)).ShouldNotBeNull().Value.ShouldBe("1");
    }

    [StoreFact]
    public async Task A_client_of_a_foreign_authority_is_refused()
    {
        // It trusts the members, so that they are the ones that refuse.
        var files = _foreign.Of("node3") with { Authority = _cluster.Of("node4").Authority };
        await using var store = EtcdFixture.Connect(_etcd!.Endpoints, files);

        await Should.ThrowAsync<StoreUnavailableException>(() => store.GetAsync("/t/a", default));
    }

    [StoreFact]
    public async Task A_member_of_a_foreign_authority_is_not_believed()
    {
        var files = _cluster.Of("node3") with { Authority = _foreign.Of("node4").Authority };
        await using var store = EtcdFixture.Connect(_etcd!.Endpoints, files);

        await Should.ThrowAsync<StoreUnavailableException>(() => store.GetAsync("/t/a", default));
    }

    [StoreFact]
    public async Task A_client_without_a_certificate_is_refused_on_both_ports()
    {
        foreach (var endpoint in (Uri[])[_etcd!.Endpoints[0], _etcd.PeerEndpoints[0]])
        {
            (await IsAnsweredAsync(endpoint, null)).ShouldBeFalse();
            (await IsAnsweredAsync(endpoint, "node7")).ShouldBeTrue();
        }
    }

    [StoreFact]
    public async Task A_client_without_TLS_is_refused()
    {
        var plain = _etcd!.Endpoints.Select(endpoint => new Uri($"http://{endpoint.Authority}")).ToArray();
        await using var store = EtcdFixture.Connect(plain);

        await Should.ThrowAsync<IOException>(() => store.GetAsync("/t/a", default));
    }

    /// <summary>A client of our own, which believes anybody: asks for the version and looks whether it is told.</summary>
    private async Task<bool> IsAnsweredAsync(Uri endpoint, string? name)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(endpoint.Host, endpoint.Port);
        await using var stream = new SslStream(socket.GetStream(), false, (_, certificate, _, _) => certificate is not null);
        var options = new SslClientAuthenticationOptions { TargetHost = endpoint.Host };
        if (name is not null)
        {
            var files = _cluster.Of(name);
            options.ClientCertificates =
            [
                System.Security.Cryptography.X509Certificates.X509Certificate2.CreateFromPemFile(files.Certificate, files.Key),
            ];
        }

        try
        {
            await stream.AuthenticateAsClientAsync(options);
            await stream.WriteAsync("GET /version HTTP/1.1\r\nHost: etcd\r\nConnection: close\r\n\r\n"u8.ToArray());
            return (await new StreamReader(stream).ReadToEndAsync().WaitAsync(s_limit)).Contains("etcdserver", StringComparison.Ordinal);
        }
        catch (Exception failure) when (failure is IOException or AuthenticationException)
        {
            return false;
        }
    }
}
