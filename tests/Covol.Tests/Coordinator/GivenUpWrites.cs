using Covol.Coordinator;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Ownership;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Tests.Coordinator.Support;
using Covol.Transport;
using Shouldly;
using Xunit;

namespace Covol.Tests.Coordinator;

/// <summary>
/// A redirected write hangs on its way to the LUN; its client gives it up and tells its program that it failed. Whatever is written
/// afterwards must not be overtaken by it.
/// </summary>
public sealed class GivenUpWrites
{
    private static readonly byte[] s_old = RedirectedData.Pattern(4_096, 1);
    private static readonly byte[] s_new = RedirectedData.Pattern(4_096, 2);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_later_write_waits_until_it_has_landed(bool isSettled)
    {
        await using var hanging = await HangingWrite.StartAsync();
        await hanging.GiveUpAsync(isSettled);

        var newer = hanging.Other.SendAsync(
            hanging.Other.NextId(5), new WriteData(hanging.File, FileByteOffset.Zero, Append: false, ClearSetId: false), s_new);
        await hanging.World.Coordinator.GetStateAsync();
        newer.IsCompleted.ShouldBeFalse();
        hanging.Release();

        (await newer).Reply.ShouldBeOfType<DataWritten>();
        (await hanging.Other.ReadAsync(hanging.File, 0, 4_096)).ShouldBe(s_new);
        (await hanging.Lost).Reply.ShouldBeOfType<DataWritten>();
    }

    [Fact]
    public async Task Control_without_doubt_it_lands_over_the_later_write()
    {
        await using var hanging = await HangingWrite.StartAsync(new CoordinatorOptions { DoubtsSlowWrites = false });
        await hanging.GiveUpAsync(isSettled: false);

        await hanging.Other.WriteAsync(hanging.File, 0, s_new, slot: 5);
        hanging.Release();
        await hanging.Lost;

        (await hanging.Other.ReadAsync(hanging.File, 0, 4_096)).ShouldBe(s_old);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Nobody_writes_the_file_by_itself_until_it_has_landed(bool isSettled)
    {
        await using var hanging = await HangingWrite.StartAsync();
        await hanging.Other.LayoutAsync(hanging.File);

        await hanging.GiveUpAsync(isSettled);
        await hanging.World.UntilAsync(() => hanging.Other.Notices.OfType<RecallLayout>().Any());
        await hanging.World.UntilStateAsync(state => state.Layouts == 0);
        (await AskAsync(LayoutAccess.ReadWrite)).ShouldBeNull();
        (await AskAsync(LayoutAccess.Read)).ShouldNotBeNull();
        hanging.Release();
        await hanging.Lost;

        (await AskAsync(LayoutAccess.ReadWrite)).ShouldNotBeNull();

        async Task<Layout?> AskAsync(LayoutAccess access) =>
            (await hanging.Other.AskAsync<LayoutGranted>(new GetLayout(hanging.File, access))).Layout;
    }

    [Fact]
    public async Task A_write_that_must_wait_for_a_recall_keeps_its_turn_before_later_ones()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var holder = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        var (file, _) = await holder.CreateAsync("disk.raw");
        await holder.WriteAsync(file, 0, RedirectedData.Pattern(8_192, 3));
        holder.AnswersRecalls = false;
        var layout = await holder.LayoutAsync(file);

        // Part of a block: it has to leave the gate and come in again alone.
        var first = other.WriteAsync(file, 100, RedirectedData.Pattern(50, 4), slot: 1);
        var second = other.WriteAsync(file, 0, s_new, slot: 2);
        await world.UntilAsync(() => holder.Notices.OfType<RecallLayout>().Any());
        second.IsCompleted.ShouldBeFalse();
        await holder.AskAsync<Done>(new ReturnLayout(file, layout.Generation));
        await first;
        await second;

        (await other.ReadAsync(file, 0, 4_096)).ShouldBe(s_new);
    }

    [Fact]
    public async Task A_cut_keeps_its_turn_before_writes_that_came_after_it()
    {
        await using var hanging = await HangingWrite.StartAsync();

        // The cut finds that it must be alone while the write past the end, which came later, waits for its turn to extend.
        var cut = hanging.Other.SendAsync(hanging.Other.NextId(5), new SetSize(hanging.File, new ByteCount(4_096)));
        var later = hanging.Other.SendAsync(
            hanging.Other.NextId(6), new WriteData(hanging.File, new FileByteOffset(4_096), Append: false, ClearSetId: false), s_new);
        var last = hanging.Other.SendAsync(
            hanging.Other.NextId(7), new WriteData(hanging.File, new FileByteOffset(8_192), Append: false, ClearSetId: false), s_new);
        await hanging.World.Coordinator.GetStateAsync();
        hanging.Release();
        await cut;
        await later;
        await last;

        (await hanging.Other.ReadAsync(hanging.File, 4_096, 4_096)).ShouldBe(s_new);
        (await hanging.Other.ReadAsync(hanging.File, 8_192, 4_096)).ShouldBe(s_new);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_cut_that_waits_so_long_that_it_is_given_up_takes_the_layouts_for_writing_away(bool atOpen)
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var reader = await world.ClientAsync(1);
        var cutter = await world.ClientAsync(2);
        var holder = await world.ClientAsync(3);
        var (file, _) = await holder.CreateAsync("disk.raw");
        await holder.WriteAsync(file, 0, RedirectedData.Pattern(8_192, 3));
        await holder.LayoutAsync(file);
        using var mayRead = new ManualResetEventSlim();
        using var reading = new ManualResetEventSlim();
        world.Lun.AfterRead = () =>
        {
            reading.Set();
            mayRead.Wait(TimeSpan.FromSeconds(20)).ShouldBeTrue();
        };
        var read = reader.SendAsync(reader.NextId(), new ReadData(file, FileByteOffset.Zero, 512));
        reading.Wait(TimeSpan.FromSeconds(20)).ShouldBeTrue();
        VolumeRequest asked = atOpen
            ? cutter.NewFile("disk.raw", new HandleId(77)) with { OpenExisting = true, Truncate = true }
            : new SetSize(file, ByteCount.Zero);
        var cut = cutter.SendAsync(cutter.NextId(), asked);
        await cutter.AttributesAsync(cutter.Root, slot: 9);
        holder.Notices.OfType<RecallLayout>().ShouldBeEmpty("The cut waits for the read before it recalls anything.");

        world.Time.Advance(TimeSpan.FromSeconds(11));

        await world.UntilAsync(() => holder.Notices.OfType<RecallLayout>().Any());
        read.IsCompleted.ShouldBeFalse();
        world.Lun.AfterRead = null;
        mayRead.Set();
        await read;
        (await cut).Reply.ShouldBeOfType<Entry>();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_session_ends_after_the_writes_that_it_still_runs_and_its_control_before(bool guarded)
    {
        await using var hanging = await HangingWrite.StartAsync(new CoordinatorOptions { EndsRequestsFirst = guarded });

        var evicted = hanging.EvictAsync();
        if (!guarded)
        {
            await evicted;
            hanging.Lost.IsCompleted.ShouldBeFalse();
            return;
        }

        await hanging.World.UntilAsync(() => hanging.World.Lun.Fenced.Count == 1);
        await hanging.World.Coordinator.GetStateAsync();
        evicted.IsCompleted.ShouldBeFalse();
        hanging.Release();
        await evicted;
        await hanging.Lost.WaitAsync(TimeSpan.FromSeconds(20));
    }

    private sealed class HangingWrite : IAsyncDisposable
    {
        private readonly ManualResetEventSlim _mayLand = new();
        private RequestId _id;
        private TestClient _client = null!;

        private HangingWrite(CoordinatorWorld world) => World = world;

        public CoordinatorWorld World { get; }

        public TestClient Other { get; private set; } = null!;

        public FileId File { get; private set; }

        public Task<VolumeAnswer> Lost { get; private set; } = null!;

        public static async Task<HangingWrite> StartAsync(CoordinatorOptions? options = null)
        {
            var hanging = new HangingWrite(await CoordinatorWorld.StartAsync(options));
            hanging._client = await hanging.World.ClientAsync(1);
            hanging.Other = await hanging.World.ClientAsync(2);
            (hanging.File, _) = await hanging._client.CreateAsync("disk.raw");
            await hanging._client.WriteAsync(hanging.File, 0, RedirectedData.Pattern(8_192, 3));
            var hangs = 0;
            hanging.World.Lun.BeforeWrite = (_, _) =>
            {
                if (Interlocked.Increment(ref hangs) == 1)
                {
                    hanging._mayLand.Wait(TimeSpan.FromSeconds(20));
                }
            };
            hanging._id = hanging._client.NextId(slot: 3);
            hanging.Lost = hanging._client.SendAsync(
                hanging._id, new WriteData(hanging.File, FileByteOffset.Zero, Append: false, ClearSetId: false), s_old);
            await hanging.World.UntilAsync(() => Volatile.Read(ref hangs) == 1);
            return hanging;
        }

        /// <summary>By the clock, or by a client that asks what became of it.</summary>
        public async Task GiveUpAsync(bool isSettled)
        {
            if (isSettled)
            {
                _ = _client.SendAsync(_id, new RenewLease());
            }
            else
            {
                World.Time.Advance(TimeSpan.FromSeconds(11));
            }

            await World.Coordinator.GetStateAsync();
        }

        public Task EvictAsync() => World.Coordinator.EvictAsync(_client.Node, KeyLayout.Incarnation(_client.DataKey));

        public void Release() => _mayLand.Set();

        public async ValueTask DisposeAsync()
        {
            Release();
            await World.DisposeAsync();
            _mayLand.Dispose();
        }
    }
}
