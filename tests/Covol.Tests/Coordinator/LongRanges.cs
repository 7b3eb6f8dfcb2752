using Covol.Coordinator;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Tests.Coordinator.Support;
using Covol.Transport;
using Shouldly;
using Xunit;

namespace Covol.Tests.Coordinator;

/// <summary>
/// Ranges whose zeroes take longer than others may be kept from the file: carried out part by part, with everybody's turn in between.
/// </summary>
public sealed class LongRanges
{
    private const int Step = 4_096;
    private const int Length = 16 * Step;
    private static readonly TimeSpan s_step = TimeSpan.FromSeconds(0.8);
    private static readonly CoordinatorOptions s_options = new() { StepMax = Step, HoldMax = TimeSpan.FromSeconds(2) };

    [Fact]
    public async Task A_range_is_zeroed_in_parts_that_each_take_not_long()
    {
        await using var world = await StartAsync();
        var (client, file) = await WrittenAsync(world);

        var parts = await AllocateAsync(client, Zero(file, 100, Length - 300));

        parts.ShouldBe(Enumerable.Range(1, 5).Select(part => 512L + (part * 3 * Step)));
        var expected = RedirectedData.Pattern(Length, 1);
        expected.AsSpan(100, Length - 300).Clear();
        (await client.ReadAsync(file, 0, Length)).ShouldBe(expected);
    }

    [Fact]
    public async Task Whoever_waits_for_the_file_gets_in_between_two_parts()
    {
        await using var world = await StartAsync();
        var (client, file) = await WrittenAsync(world);
        var other = await world.ClientAsync(2);
        Task<DataWritten>? write = null;
        world.Lun.BeforeZeroes = (_, _) =>
        {
            write ??= other.WriteAsync(file, 0, RedirectedData.Pattern(512, 9));
            world.Time.Advance(s_step);
        };

        var first = await client.AskAsync<Allocated>(Zero(file, Step, Length - Step));
        await write!;

        first.UpTo.Value.ShouldBeLessThan(Length);
    }

    [Fact]
    public async Task What_was_written_between_two_parts_behind_the_first_stays()
    {
        await using var world = await StartAsync();
        var (client, file) = await WrittenAsync(world);
        var first = await client.AskAsync<Allocated>(Zero(file, 0, Length));

        await client.WriteAsync(file, 0, RedirectedData.Pattern(Step, 5));
        await AllocateAsync(client, Zero(file, first.UpTo.Value, Length - first.UpTo.Value));

        (await client.ReadAsync(file, 0, Length)).ShouldBe([.. RedirectedData.Pattern(Step, 5), .. new byte[Length - Step]]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Who_gave_it_up_or_is_evicted_has_no_more_than_one_step_carried_out_after_that(bool isEvicted)
    {
        await using var world = await StartAsync();
        var (client, file) = await WrittenAsync(world);
        var steps = 0;
        using var mayGoOn = new ManualResetEventSlim();
        using var zeroes = new ManualResetEventSlim();
        world.Lun.BeforeZeroes = (_, _) =>
        {
            if (Interlocked.Increment(ref steps) == 1)
            {
                zeroes.Set();
                mayGoOn.Wait(TimeSpan.FromSeconds(20));
            }
        };
        var id = client.NextId(3);
        var running = client.SendAsync(id, Zero(file, 0, Length));
        zeroes.Wait(TimeSpan.FromSeconds(20)).ShouldBeTrue();

        var ended = isEvicted
            ? world.Coordinator.EvictAsync(client.Node, Covol.Protocol.Ownership.KeyLayout.Incarnation(client.DataKey))
            : client.SendAsync(id, new RenewLease());
        await world.Coordinator.GetStateAsync();
        mayGoOn.Set();
        await ended;
        await running;

        steps.ShouldBe(1);
    }

    [Fact]
    public async Task A_part_is_answered_after_a_takeover_as_it_was_before()
    {
        await using var world = await StartAsync();
        var (client, file) = await WrittenAsync(world);
        var handle = await client.OpenAsync(file);
        var id = client.NextId(3);
        var before = (await client.SendAsync(id, Zero(file, 0, Length))).Reply.ShouldBeOfType<Allocated>();

        await world.TakeOverAsync();
        await client.MoveToAsync(world.Coordinator);
        await client.AskAsync<Done>(new ReclaimHandle(file, handle, OpenAccess.ReadWrite, [], null));
        await client.AskAsync<Done>(new ReclaimComplete());

        (await client.SendAsync(id, Zero(file, 0, Length))).Reply.ShouldBe(before);
    }

    [Theory]
    [InlineData(AllocationMode.KeepSize)]
    [InlineData(AllocationMode.ZeroRange)]
    public async Task A_hole_is_filled_in_parts(AllocationMode mode)
    {
        await using var world = await StartAsync();
        world.Volume.HasHoles = true;
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("disk.raw");
        await client.WriteAsync(file, 0, RedirectedData.Pattern(Step, 1));
        await client.WriteAsync(file, 1 << 20, RedirectedData.Pattern(Step, 2));

        var parts = await AllocateAsync(client, new Allocate(file, mode, new FileByteOffset(Step), new ByteCount((1 << 20) - Step)));

        parts.Count.ShouldBeGreaterThan(5);
        parts.ShouldBe(parts.Order());
        world.Volume.Map(file).Extents.Sum(extent => extent.Length.Value).ShouldBeGreaterThanOrEqualTo((1 << 20) + Step);
        (await client.ReadAsync(file, 0, 2 * Step)).ShouldBe([.. RedirectedData.Pattern(Step, 1), .. new byte[Step]]);
        (await client.ReadAsync(file, (1 << 20) - Step, 2 * Step)).ShouldBe([.. new byte[Step], .. RedirectedData.Pattern(Step, 2)]);
    }

    [Fact]
    public async Task Room_behind_the_end_is_kept_from_its_first_part_on()
    {
        await using var world = await StartAsync(s_options with { GrowStepMax = Step });
        world.Volume.HasHoles = true;
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("disk.raw");
        await client.WriteAsync(file, 0, RedirectedData.Pattern(Step, 1));
        world.Volume.BeforeCommit = () => world.Time.Advance(s_step);
        var keep = new Allocate(file, AllocationMode.KeepSize, FileByteOffset.Zero, new ByteCount(Length));

        var part = await client.AskAsync<Allocated>(keep);

        part.UpTo.Value.ShouldBeInRange(2 * Step, Length - Step);
        world.Volume.RoomKept(file).Value.ShouldBe(part.UpTo.Value);
        await AllocateAsync(client, keep with { Offset = part.UpTo, Length = new ByteCount(Length - part.UpTo.Value) });
        world.Volume.RoomKept(file).Value.ShouldBe(Length);
    }

    [Fact]
    public async Task Room_that_is_kept_behind_the_end_fills_no_hole()
    {
        const int Kept = 65_536;
        await using var world = await StartAsync(new CoordinatorOptions());
        world.Volume.HasHoles = true;
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("disk.raw");
        await client.WriteAsync(file, 0, RedirectedData.Pattern(Step, 1));
        var written = await client.WriteAsync(file, 256 << 10, RedirectedData.Pattern(Step, 2));
        await client.AskAsync<Entry>(new SetSize(file, written.Size));
        var size = written.Size.Value;
        await client.AskAsync<Done>(new Allocate(file, AllocationMode.KeepSize, new FileByteOffset(size), new ByteCount(Kept)));

        await client.WriteAsync(file, 128 << 10, RedirectedData.Pattern(Step, 3));

        world.Volume.Map(file).Extents.Sum(extent => Math.Max(0, extent.FileEnd.Value - Math.Max(size, extent.FileStart.Value)))
            .ShouldBeGreaterThanOrEqualTo(Kept);
        (await client.ReadAsync(file, 128 << 10, Step)).ShouldBe(RedirectedData.Pattern(Step, 3));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_write_far_behind_valid_data_is_asked_again_until_what_lies_before_it_is_zero(bool append)
    {
        await using var world = await StartAsync();
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("disk.raw");
        await client.AskAsync<Entry>(new SetSize(file, new ByteCount(Length)));
        var at = append ? Length : Length - Step;
        var id = client.NextId(3);
        var write = new WriteData(file, new FileByteOffset(at), append, ClearSetId: false);
        var tries = 0;
        VolumeAnswer answer;
        do
        {
            answer = await client.SendAsync(id, write, RedirectedData.Pattern(Step, 2));
            (await client.AttributesAsync(file)).Size.Value.ShouldBe(answer.Reply is DataWritten ? at + Step : Length);
        }
        while (answer.Reply is Refused { Error: VolumeError.AskAgain } && ++tries < 100);

        answer.Reply.ShouldBeOfType<DataWritten>().Offset.Value.ShouldBe(at);
        tries.ShouldBeInRange(2, 10);
        (await client.ReadAsync(file, 0, at + Step)).ShouldBe([.. new byte[at], .. RedirectedData.Pattern(Step, 2)]);
    }

    /// <summary>Each step of zeroes takes 0.8 s: three fit a hold.</summary>
    private static async Task<CoordinatorWorld> StartAsync(CoordinatorOptions? options = null)
    {
        var world = await CoordinatorWorld.StartAsync(options ?? s_options);
        world.Lun.BeforeZeroes = (_, _) => world.Time.Advance(s_step);
        return world;
    }

    private static async Task<(TestClient Client, FileId File)> WrittenAsync(CoordinatorWorld world)
    {
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("disk.raw");
        await client.WriteAsync(file, 0, RedirectedData.Pattern(Length, 1));
        return (client, file);
    }

    /// <summary>As a node asks; answers where the parts ended.</summary>
    private static async Task<List<long>> AllocateAsync(TestClient client, Allocate allocate)
    {
        var parts = new List<long>();
        var end = allocate.Offset.Value + allocate.Length.Value;
        while (await client.AskAsync(allocate) is Allocated part)
        {
            part.UpTo.Value.ShouldBeInRange(allocate.Offset.Value + 1, end - 1);
            parts.Add(part.UpTo.Value);
            allocate = allocate with { Offset = part.UpTo, Length = new ByteCount(end - part.UpTo.Value) };
        }

        return parts;
    }

    private static Allocate Zero(FileId file, long offset, long length) =>
        new(file, AllocationMode.ZeroRange, new FileByteOffset(offset), new ByteCount(length));
}
