using System.Collections.Concurrent;
using Covol.Protocol.Volume;
using Covol.Transport;
using Covol.VolumeClient;

namespace Covol.Tests.VolumeClient;

/// <summary>Endpoints of a test: who is there answers, nobody else does.</summary>
internal sealed class FakeConnections : IConnectionSource
{
    public ConcurrentDictionary<string, FakeCoordinator> There { get; } = new();

    public ValueTask<IVolumeConnection> ConnectAsync(
        string volume, string endpoint, Action<VolumeNotice> notices, CancellationToken cancellation) =>
        There.TryGetValue(endpoint, out var coordinator)
            ? ValueTask.FromResult<IVolumeConnection>(coordinator.Connect(notices))
            : throw new IOException($"Nobody listens at {endpoint}.");
}
