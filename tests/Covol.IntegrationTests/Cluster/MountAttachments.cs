using System.Collections.Concurrent;
using Covol.Api.Configuration;
using Covol.Cluster.Records;
using Covol.Cluster.Store;
using Covol.Node.Eviction;
using Covol.Node.Processes;
using Covol.Node.Volumes;
using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.Protocol.Ownership;
using Covol.Protocol.Store;
using Covol.Transport.Control;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;

namespace Covol.IntegrationTests.Cluster;

/// <summary>What a node tells its mount process about several volumes. The process is a stand-in, its control socket is the test's.</summary>
public sealed class MountAttachments : IAsyncLifetime, IAsyncDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);
    private readonly string _folder = Directory.CreateTempSubdirectory("covol-mount-").FullName;
    private readonly MemoryStore _store = new(TimeProvider.System);
    private readonly StoreKeys _keys = new("lab");
    private readonly CancellationTokenSource _ending = new();
    private readonly ScriptedMount _mount = new();
    private ControlServer? _control;
    private MountRole? _role;
    private Task _run = Task.CompletedTask;

    public async Task InitializeAsync()
    {
        var cluster = await new ClusterRecords(_store, _keys).EnsureClusterAsync("lab", default);
        var eviction = new OwnEviction(
            new NodeId(1), _folder, new ClusterWatch(_store, _keys), TimeProvider.System, NullLogger<OwnEviction>.Instance);
        var configuration = new NodeConfiguration(
            "lab", 1, _folder, _folder, _folder, _folder, $"{_folder}/api", [], "/ca", "/cert", "/key", "nobody");
        _control = ControlServer.Start($"{_folder}/mount.sock", _mount, NullLogger.Instance);
        _role = new MountRole(
            configuration,
            new KeyAllocator(_store, _keys, cluster),
            eviction,
            new DaemonCommand(["/bin/sh", "-c", "exec sleep 600", "sh"]),
            TimeProvider.System,
            NullLogger<MountRole>.Instance);
        _run = _role.RunAsync(_ending.Token);
    }

    public async Task DisposeAsync()
    {
        await _ending.CancelAsync();
        _mount.Hung.TrySetResult();
        await Should.ThrowAsync<OperationCanceledException>(() => _run);
        _role!.Dispose();
        await _control!.DisposeAsync();
        foreach (var process in RoleProcess.All(_folder))
        {
            process.Kill();
            await process.Ended;
        }

        await _store.DisposeAsync();
        _ending.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    async ValueTask IAsyncDisposable.DisposeAsync() => await DisposeAsync();

    [Theory]
    [InlineData("Refused")]
    [InlineData("Hung")]
    public async Task A_volume_that_cannot_be_attached_keeps_no_other_from_its_new_coordinator(string bad)
    {
        _role!.Want(bad, "file:/bad", new Epoch(1), ["unix:/bad"]);
        await UntilAsync(() => _mount.Asked.Any(attach => attach.Volume == bad));
        _role.Want("Good", "file:/good", new Epoch(1), ["unix:/one"]);
        await UntilAsync(() => _mount.Asked.Any(attach => attach.Volume == "Good"));

        _role.Want("Good", "file:/good", new Epoch(2), ["unix:/two"]);

        await UntilAsync(() => _mount.Asked.Any(attach => attach.Volume == "Good" && attach.Epoch == new Epoch(2)));
        var told = _mount.Asked.Where(attach => attach.Volume == "Good").ToArray();
        told.Select(attach => attach.Coordinator[0]).ShouldBe(["unix:/one", "unix:/two"]);
        told.Select(attach => attach.DataKey).Distinct().Count().ShouldBe(1);
    }

    [Fact]
    public async Task A_volume_that_was_refused_is_tried_again_with_another_key()
    {
        _role!.Want("Refused", "file:/bad", new Epoch(1), ["unix:/bad"]);

        await UntilAsync(() => _mount.Asked.Count >= 3);

        var keys = _mount.Asked.Select(attach => attach.DataKey).ToArray();
        keys.Distinct().Count().ShouldBe(keys.Length);
    }

    [Fact]
    public async Task A_volume_that_lost_its_key_and_could_go_direct_again_is_offered_a_fresh_one()
    {
        _role!.Want("Good", "file:/good", new Epoch(1), ["unix:/one"]);
        await UntilAsync(() => _mount.Asked.Count == 1);

        _mount.WantsKey = "Good";

        await UntilAsync(() => _mount.Asked.Count >= 2);
        var told = _mount.Asked.ToArray();
        told.Select(attach => attach.Epoch).Distinct().ShouldBe([new Epoch(1)]);
        told.Select(attach => attach.DataKey).Distinct().Count().ShouldBe(told.Length);
    }

    [Fact]
    public async Task What_runs_of_an_evicted_life_gets_no_key_and_a_new_mount_process_does_when_the_eviction_is_obeyed()
    {
        var records = new ClusterRecords(_store, _keys);
        _role!.Want("Good", "file:/good", new Epoch(1), ["unix:/one"]);
        await UntilAsync(() => _mount.Asked.Count == 1);
        var revision = (await _store.GetRangeAsync(_keys.Root, default)).Revision;
        var (_, evicted) = await records.EvictAsync(new NodeId(1), new NodeId(2), "silent", revision, default);
        var first = RoleProcess.Find("mount", _folder).ShouldNotBeNull().Id;

        await _role.EndEvictedAsync(default);

        await UntilAsync(() => RoleProcess.Find("mount", _folder) is { } next && next.Id != first);
        KeyLayout.Incarnation(_mount.Asked.Single().DataKey).ShouldBe(evicted.ShouldNotBeNull().Incarnation);
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(s_limit);
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (!condition())
        {
            await tick.WaitForNextTickAsync(limit.Token);
        }
    }

    /// <summary>Attaches everything but what is called Refused, and does not answer about what is called Hung.</summary>
    private sealed class ScriptedMount : IControlService
    {
        public ConcurrentQueue<AttachVolume> Asked { get; } = new();

        /// <summary>The volume that says so when it is asked what is mounted.</summary>
        public string? WantsKey { get; set; }

        public TaskCompletionSource Hung { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public async ValueTask<ControlAnswer> AskAsync(ControlRequest request, CancellationToken cancellation)
        {
            if (request is not Covol.Transport.Control.Attach attach)
            {
                return new ControlAnswer(true, MountedVolumes: WantsKey is { } volume
                    ? [new MountedVolume(volume, VolumeRouteState.FileSystemRedirected, "fenced", new Epoch(1), 0, 0, 0, 0, WantsKey: true)]
                    : []);
            }

            Asked.Enqueue(attach.Volume);
            if (attach.Volume.Volume == "Hung")
            {
                await Hung.Task.WaitAsync(cancellation);
            }

            return attach.Volume.Volume == "Refused" ? ControlAnswer.Refused("Its LUN is not there.") : ControlAnswer.Done;
        }
    }
}
