using System.Net;
using System.Net.Sockets;
using Covol.Cluster.Etcd;
using Covol.Protocol.Control;
using Microsoft.Extensions.Logging.Abstractions;

namespace Covol.IntegrationTests.Cluster;

/// <summary>A private etcd cluster on free loopback ports, with its own data, ended by process id and deleted afterwards.</summary>
public sealed class EtcdFixture : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("covol-etcd-").FullName;

    private EtcdFixture(int members, Func<string, TlsFiles>? tls)
    {
        var scheme = tls is null ? "http" : "https";
        var ports = FreePorts(members * 2);
        var names = Enumerable.Range(1, members).Select(number => $"node{number}").ToArray();
        var peers = names.Zip(ports.Skip(members)).ToDictionary(peer => peer.First, peer => Loopback(scheme, peer.Second));
        Endpoints = [.. ports.Take(members).Select(port => Loopback(scheme, port))];
        PeerEndpoints = [.. peers.Values];
        Members =
        [
            .. names.Select((name, index) => new EtcdProcess(
                new EtcdMember(
                    name, Path.Combine(_folder, name), Endpoints[index], peers[name], peers, _folder, Path.Combine(_folder, $"{name}.log"))
                {
                    Tls = tls?.Invoke(name),
                },
                TimeProvider.System,
                NullLogger<EtcdProcess>.Instance)),
        ];
    }

    public IReadOnlyList<Uri> Endpoints { get; }

    /// <summary>Where the members talk to each other.</summary>
    public IReadOnlyList<Uri> PeerEndpoints { get; }

    public IReadOnlyList<EtcdProcess> Members { get; }

    /// <param name="members">How many.</param>
    /// <param name="tls">A certificate for each name; null: plain HTTP.</param>
    public static async Task<EtcdFixture> StartAsync(int members, Func<string, TlsFiles>? tls = null)
    {
        var fixture = new EtcdFixture(members, tls);
        try
        {
            foreach (var member in fixture.Members)
            {
                member.Start();
            }

            foreach (var member in fixture.Members)
            {
                await member.WaitUntilHealthyAsync(TimeSpan.FromSeconds(30), default);
            }

            return fixture;
        }
        catch
        {
            await fixture.DisposeAsync();
            throw;
        }
    }

    public EtcdStore Connect() => Connect(Endpoints);

    public static EtcdStore Connect(IReadOnlyList<Uri> endpoints, TlsFiles? tls = null) =>
        new(new EtcdOptions(endpoints, tls), TimeProvider.System, NullLogger<EtcdStore>.Instance);

    public async ValueTask DisposeAsync()
    {
        foreach (var member in Members)
        {
            await member.StopAsync(default);
            member.Dispose();
        }

        Directory.Delete(_folder, recursive: true);
    }

    private static Uri Loopback(string scheme, int port) => new($"{scheme}://127.0.0.1:{port}");

    private static int[] FreePorts(int count)
    {
        var listeners = Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0)).ToArray();
        foreach (var listener in listeners)
        {
            listener.Start();
        }

        var ports = listeners.Select(listener => ((IPEndPoint)listener.LocalEndpoint).Port).ToArray();
        foreach (var listener in listeners)
        {
            listener.Dispose();
        }

        return ports;
    }
}
