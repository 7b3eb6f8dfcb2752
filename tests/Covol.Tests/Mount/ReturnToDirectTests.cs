using Covol.Mount;
using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.Protocol.Volume;
using Covol.Tests.Cluster;
using Covol.Tests.VolumeClient;
using Covol.VolumeClient;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;

namespace Covol.Tests.Mount;

/// <summary>How a node that was fenced, or lost its path, goes direct again: as a new incarnation, and not before the old one is over.</summary>
public sealed class ReturnToDirectTests
{
    private static readonly ReservationKey s_first = new(0x11);
    private static readonly ReservationKey s_second = new(0x21);
    private static readonly ReservationKey s_third = new(0x31);

    [Fact]
    public async Task A_fenced_node_goes_direct_again_under_the_key_it_is_offered()
    {
        await using var node = await Node.OpenAsync();
        node.World.Volume.Fenced("The LUN refused the key.");

        await node.OfferAsync(s_second);
        await node.UntilDirectAsync();

        node.World.Coordinator.DataKeys.ShouldBe([s_first, s_second]);
        node.First.IsDisposed.ShouldBeTrue();
        node.Lun.Present.ShouldBeSameAs(node.Opened[^1]);
        node.Opened[^1].Key.ShouldBe(s_second);
        node.Handle.IsDead.ShouldBeFalse();
        await node.World.Volume.ReadAsync(node.Handle, default, new byte[512]);
        await ClientWorld.UntilAsync(() => node.Handle.HasLayout);
    }

    [Fact]
    public async Task No_key_is_asked_for_while_old_io_is_in_flight()
    {
        await using var node = await Node.OpenAsync();
        var pinned = ClientWorld.PinForRead(node.Handle);
        node.World.Volume.Fenced("The LUN refused the key.");
        await node.PassTimeAsync();

        node.Keys.IsWanted.ShouldBeFalse();
        node.Opened.ShouldBeEmpty();
        node.Handle.ReadEnded(pinned, 4096, succeeded: false);
        await node.OfferAsync(s_second);
        await node.UntilDirectAsync();
    }

    [Fact]
    public async Task Nothing_is_direct_before_the_coordinator_renews_the_lease_under_the_new_key()
    {
        await using var node = await Node.OpenAsync();
        var oldLeaseRuns = true;
        node.World.Coordinator.Intercept = request => request is RenewLease && Volatile.Read(ref oldLeaseRuns)
            ? new Refused(VolumeError.Stale, "The key is fenced.")
            : null;
        node.World.Volume.Fenced("The LUN refused the key.");
        await node.OfferAsync(s_second);
        await ClientWorld.UntilAsync(() => node.World.Coordinator.DataKeys.Contains(s_second));
        await node.World.Volume.ReadAsync(node.Handle, default, new byte[512]);
        await ClientWorld.SettledAsync();

        node.World.Volume.Describe().State.ShouldBe(VolumeRouteState.FileSystemRedirected);
        node.World.Coordinator.CallsOf<GetLayout>().Count.ShouldBe(1);
        Volatile.Write(ref oldLeaseRuns, false);
        await node.UntilDirectAsync();
    }

    [Fact]
    public async Task A_path_that_is_still_lost_costs_no_key()
    {
        await using var node = await Node.OpenAsync();
        node.IsPathLost = true;
        node.World.Volume.Fenced("A request failed.");
        await ClientWorld.UntilAsync(() =>
        {
            node.PassTime();
            return node.Opened.Count > 1;
        });

        node.Keys.IsWanted.ShouldBeFalse();
        node.Opened[0].IsDisposed.ShouldBeTrue();
        node.IsPathLost = false;
        await node.OfferAsync(s_second);
        await node.UntilDirectAsync();
    }

    [Fact]
    public async Task A_coordinator_that_does_not_take_the_key_gets_another_one_later()
    {
        await using var node = await Node.OpenAsync();
        node.World.Coordinator.Intercept = request => request is RenewLease ? new Refused(VolumeError.Stale, "Fenced.") : null;
        node.World.Volume.Fenced("The LUN refused the key.");
        await node.OfferAsync(s_second);
        await ClientWorld.UntilAsync(() => node.World.Coordinator.DataKeys.Contains(s_second));

        await node.OfferAsync(s_third);
        node.World.Coordinator.Intercept = null;
        await node.UntilDirectAsync();

        node.Opened[0].WasUnregistered.ShouldBeTrue();
        node.Opened[0].IsDisposed.ShouldBeTrue();
        node.Lun.Present.ShouldBeSameAs(node.Opened[^1]);
        node.Opened[^1].Key.ShouldBe(s_third);
    }

    [Fact]
    public async Task A_node_is_fenced_and_comes_back_more_than_once()
    {
        await using var node = await Node.OpenAsync();
        foreach (var key in new[] { s_second, s_third })
        {
            node.World.Volume.Fenced("The LUN refused the key.");
            await node.OfferAsync(key);
            await node.UntilDirectAsync();
        }

        node.World.Coordinator.DataKeys.ShouldBe([s_first, s_second, s_third]);
    }

    [Fact]
    public async Task A_key_is_taken_when_it_is_wanted_and_once_only()
    {
        var keys = new OfferedKeys(s_first);
        keys.Offer(s_second);
        var next = keys.NextAsync(CancellationToken.None);
        keys.IsWanted.ShouldBeTrue();

        keys.Offer(s_first);
        next.IsCompleted.ShouldBeFalse();
        keys.Offer(s_second);
        (await next).ShouldBe(s_second);

        keys.IsWanted.ShouldBeFalse();
        using var given = new CancellationTokenSource();
        var further = keys.NextAsync(given.Token);
        keys.Offer(s_second);
        further.IsCompleted.ShouldBeFalse();
        await given.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => further);
        keys.IsWanted.ShouldBeFalse();
    }

    /// <summary>A client with a file open, its LUN, and time that a test passes for its way back.</summary>
    private sealed class Node : IAsyncDisposable
    {
        private readonly ManualTime _time = new();
        private readonly ReturnToDirect _return;
        private readonly Lock _gate = new();
        private readonly List<PlayedLun> _opened = [];

        private Node(ClientWorld world, OpenFile handle)
        {
            World = world;
            Handle = handle;
            First.Register(s_first);
            Lun = new IncarnationLun(First);
            _return = new ReturnToDirect("Volume1", world.Volume, Lun, Open, Keys, _time, NullLogger.Instance);
        }

        public ClientWorld World { get; }

        public OpenFile Handle { get; }

        public PlayedLun First { get; } = new();

        public IncarnationLun Lun { get; }

        public OfferedKeys Keys { get; } = new(s_first);

        public bool IsPathLost { get; set; }

        public IReadOnlyList<PlayedLun> Opened
        {
            get
            {
                lock (_gate)
                {
                    return [.. _opened];
                }
            }
        }

        public static async Task<Node> OpenAsync()
        {
            var world = new ClientWorld();
            await world.ConnectAsync();
            return new Node(world, await world.OpenDirectAsync());
        }

        public void PassTime() => _time.Advance(TimeSpan.FromSeconds(61));

        /// <summary>Lets every pause end, for what must not happen after it.</summary>
        public Task PassTimeAsync()
        {
            var until = Environment.TickCount64 + 100;
            return ClientWorld.UntilAsync(() =>
            {
                PassTime();
                return Environment.TickCount64 >= until;
            });
        }

        /// <summary>Passes time until a key is wanted, and offers one.</summary>
        public async Task OfferAsync(ReservationKey key)
        {
            await ClientWorld.UntilAsync(() =>
            {
                if (!Keys.IsWanted)
                {
                    PassTime();
                }

                return Keys.IsWanted;
            });
            Keys.Offer(key);
        }

        public Task UntilDirectAsync() =>
            ClientWorld.UntilAsync(() => World.Volume.Describe().State == VolumeRouteState.Direct);

        public async ValueTask DisposeAsync()
        {
            await _return.DisposeAsync();
            await World.DisposeAsync();
        }

        private PlayedLun Open()
        {
            var lun = new PlayedLun { IsPathLost = IsPathLost };
            lock (_gate)
            {
                _opened.Add(lun);
            }

            return lun;
        }
    }
}
