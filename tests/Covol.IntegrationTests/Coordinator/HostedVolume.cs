using Covol.Coordinator;
using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Transport.Control;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;

namespace Covol.IntegrationTests.Coordinator;

/// <summary>A real volume on a file LUN in a folder of its own, and coordinators that serve it one after another.</summary>
internal sealed class HostedVolume : IAsyncDisposable
{
    public const string Name = "Volume1";

    private readonly string _folder = Directory.CreateTempSubdirectory("covol-coordinator-").FullName;
    private readonly List<Task<int>> _hosts = [];
    private readonly CancellationTokenSource _stopping = new();
    private readonly List<ReservationKey> _keys = [];

    private HostedVolume()
    {
    }

    public string LunPath => Path.Combine(_folder, "lun.img");

    public string Endpoint => $"unix:{Path.Combine(_folder, $"volume{Epoch.Value}.sock")}";

    public Epoch Epoch { get; private set; } = new(1);

    public static async Task<HostedVolume> FormatAsync()
    {
        var volume = new HostedVolume();
        await VolumeFormat.RunAsync(
            $"file:{volume.LunPath}", ByteCount.FromMebibytes(128), Name, overwrite: false, NullLoggerFactory.Instance);
        return volume;
    }

    /// <summary>Starts the next coordinator, which fences the ones before, and waits until it serves.</summary>
    public async Task<ControlClient> StartAsync()
    {
        Epoch = new Epoch(Epoch.Value + 1);
        var key = new ReservationKey(0xC0_0000 + (ulong)Epoch.Value);
        var configuration = new CoordinatorConfiguration(
            Name, new NodeId(1), $"file:{LunPath}", Epoch, key, [.. _keys], [Endpoint],
            Path.Combine(_folder, $"control{Epoch.Value}.sock"), Tls: null);
        _keys.Add(key);
        var host = CoordinatorHost.RunAsync(configuration, NullLoggerFactory.Instance, _stopping.Token);
        _hosts.Add(host);
        var control = new ControlClient(configuration.ControlSocket);
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (true)
        {
            if (host.IsCompleted)
            {
                throw new InvalidOperationException($"The coordinator ended with {await host}.");
            }

            var state = (await control.DemandAsync(new QueryCoordinator(), deadline.Token)).CoordinatorState.ShouldNotBeNull();
            state.Phase.ShouldNotBe(CoordinatorPhase.Failed, state.Reason);
            if (state.Phase is CoordinatorPhase.Serving or CoordinatorPhase.Grace && File.Exists(Endpoint["unix:".Length..]))
            {
                return control;
            }

            await Task.Yield();
        }
    }

    /// <summary>Exit status of the last coordinator, once it has ended.</summary>
    public Task<int> ExitAsync() => _hosts[^1].WaitAsync(TimeSpan.FromSeconds(30));

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await Task.WhenAll(_hosts).WaitAsync(TimeSpan.FromSeconds(30));
        _stopping.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
