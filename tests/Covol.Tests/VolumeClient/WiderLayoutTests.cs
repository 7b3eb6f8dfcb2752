using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.VolumeClient;
using Shouldly;
using Xunit;

namespace Covol.Tests.VolumeClient;

/// <summary>A hole that was filled becomes direct without the layout going.</summary>
public sealed class WiderLayoutTests
{
    private const int Cluster = 4096;
    private static readonly FileExtent s_before = new(FileByteOffset.Zero, new LunByteOffset(1 << 20), new ByteCount(Cluster));
    private static readonly FileExtent s_filled = new(new FileByteOffset(Cluster), new LunByteOffset(8 << 20), new ByteCount(2 * Cluster));
    private static readonly FileExtent s_after = new(new FileByteOffset(3 * Cluster), new LunByteOffset(4 << 20), new ByteCount(Cluster));

    [Fact]
    public async Task A_write_into_a_hole_makes_the_layout_wider_while_io_inside_it_goes_on()
    {
        await using var world = new ClientWorld();
        var handle = await OpenHoleyAsync(world, layout => layout with { Extents = [s_before, s_filled, s_after] });
        var pinned = ClientWorld.PinForRead(handle);
        handle.TryMapWrite(new FileByteOffset(Cluster), Cluster, new LunSegment[4], out _, out _).ShouldBeFalse();

        await world.Volume.WriteAsync(handle, new FileByteOffset(Cluster), append: false, clearSetId: false, new byte[Cluster]);

        LayoutSnapshot? wider = null;
        var segments = new LunSegment[4];
        await ClientWorld.UntilAsync(() => handle.TryMapWrite(new FileByteOffset(Cluster), Cluster, segments, out _, out wider));
        segments[0].ShouldBe(new LunSegment(new LunByteOffset(8 << 20), Cluster));
        wider.ShouldBeSameAs(pinned);
        handle.WriteEnded(wider!, new FileByteOffset(Cluster), Cluster, succeeded: true);
        handle.ReadEnded(pinned, Cluster, succeeded: true).ShouldBeTrue();
        world.Coordinator.ExecutedOf<ReturnLayout>().ShouldBeEmpty();
    }

    [Fact]
    public async Task What_others_filled_is_asked_for_when_a_read_finds_it_and_zeroes_are_not()
    {
        await using var world = new ClientWorld();
        var handle = await OpenHoleyAsync(world, layout => layout with { Extents = [s_before, s_filled, s_after] });
        var asked = 0;
        var answer = world.Coordinator.Intercept!;
        world.Coordinator.Intercept = request =>
        {
            asked += request is GetLayout { Extends: not null } ? 1 : 0;
            return answer(request);
        };

        Array.Clear(world.Coordinator.Files[handle.File], Cluster, Cluster);
        await world.Volume.ReadAsync(handle, new FileByteOffset(Cluster), new byte[Cluster]);
        await world.Volume.WriteAsync(handle, new FileByteOffset(100), append: false, clearSetId: false, new byte[10]);
        await ClientWorld.SettledAsync();
        asked.ShouldBe(0);

        await world.Volume.ReadAsync(handle, new FileByteOffset(2 * Cluster), new byte[Cluster]);
        await ClientWorld.UntilAsync(() => asked == 1);
    }

    [Fact]
    public async Task A_grant_that_cannot_be_made_wider_gives_way_to_another()
    {
        await using var world = new ClientWorld();
        var handle = await OpenHoleyAsync(world, _ => null);

        await world.Volume.WriteAsync(handle, new FileByteOffset(Cluster), append: false, clearSetId: false, new byte[Cluster]);

        await ClientWorld.UntilAsync(() => world.Coordinator.ExecutedOf<ReturnLayout>().Count == 1);
        await ClientWorld.UntilAsync(() => handle.HasLayout);
        handle.TryMapWrite(new FileByteOffset(Cluster), Cluster, new LunSegment[4], out _, out var pinned).ShouldBeTrue();
        handle.WriteEnded(pinned, new FileByteOffset(Cluster), Cluster, succeeded: true);
    }

    [Fact]
    public async Task An_answer_that_its_recall_overtook_changes_nothing()
    {
        await using var world = new ClientWorld();
        OpenFile? handle = null;
        handle = await OpenHoleyAsync(world, layout =>
        {
            world.Coordinator.Notify(new RecallLayout(layout.File, layout.Generation));
            return layout with { Extents = [s_before, s_filled, s_after] };
        });

        await world.Volume.WriteAsync(handle, new FileByteOffset(Cluster), append: false, clearSetId: false, new byte[Cluster]);

        await ClientWorld.UntilAsync(() => world.Coordinator.ExecutedOf<ReturnLayout>().Count == 1);
        await ClientWorld.SettledAsync();
        handle.HasLayout.ShouldBeFalse();
        handle.TryMapRead(FileByteOffset.Zero, Cluster, new LunSegment[4], out _, out _).ShouldBeFalse();
    }

    [Fact]
    public void Only_what_keeps_all_that_was_known_is_taken()
    {
        var known = Holey(new FileId(new FileReference(70, 1), 1), new LayoutGeneration(1));
        var snapshot = new LayoutSnapshot(known, 512, new LeaseClock(new FakeClock()), 0);
        var moved = s_after with { LunStart = new LunByteOffset(5 << 20) };
        var uneven = s_filled with { LunStart = new LunByteOffset((8 << 20) + 1) };

        snapshot.TryWiden(known with { Extents = [s_before, s_filled, moved] }, 100).ShouldBeFalse();
        snapshot.TryWiden(known with { Extents = [s_before, uneven, s_after] }, 100).ShouldBeFalse();
        snapshot.TryWiden(known with { Extents = [s_before, s_filled, s_after], Generation = new LayoutGeneration(2) }, 100).ShouldBeFalse();
        snapshot.TryWiden(known with { Extents = [s_before, s_filled, s_after], TailEnd = new FileByteOffset(1 << 20) }, 100).ShouldBeFalse();
        snapshot.Layout.ShouldBe(known);
        snapshot.HasHoleIn(0, 2 * Cluster).ShouldBeTrue();

        // What was one piece may come back as a longer one, and what is not told again stays.
        var joined = s_before with { Length = new ByteCount(3 * Cluster) };
        snapshot.TryWiden(known with { Extents = [joined], ValidLength = new ByteCount(1 << 20) }, 100).ShouldBeTrue();
        snapshot.HasHoleIn(0, 4 * Cluster).ShouldBeFalse();
        var segments = new LunSegment[4];
        snapshot.TryMapWrite(Cluster, 3 * Cluster, segments, out var count).ShouldBeTrue();
        segments[..count].ShouldBe([new(new((1 << 20) + Cluster), 2 * Cluster), new(new(4 << 20), Cluster)]);
        snapshot.Layout.ValidLength.ShouldBe(known.ValidLength);
    }

    [Fact]
    public void Places_that_would_be_too_many_take_the_place_of_all_others()
    {
        var known = Holey(new FileId(new FileReference(70, 1), 1), new LayoutGeneration(1));
        var snapshot = new LayoutSnapshot(known, 512, new LeaseClock(new FakeClock()), 0);

        snapshot.TryWiden(known with { Extents = [s_filled], IsPart = true }, 2).ShouldBeTrue();

        snapshot.Layout.Extents.ShouldBe([s_filled]);
        snapshot.Layout.IsPart.ShouldBeTrue();
        snapshot.TryMapRead(0, Cluster, new LunSegment[1], out _).ShouldBeFalse();
        snapshot.TryMapRead(Cluster, Cluster, new LunSegment[1], out _).ShouldBeTrue();
    }

    /// <summary>A file of which the first and the last of four clusters have places, open, with its layout published.</summary>
    private static async Task<OpenFile> OpenHoleyAsync(ClientWorld world, Func<Layout, Layout?> widen)
    {
        await world.ConnectAsync();
        Layout? first = null;
        world.Coordinator.Intercept = request =>
        {
            if (request is GetLayout { Extends: not null })
            {
                return new LayoutGranted(widen(first!), TimeSpan.Zero);
            }

            if (request is not GetLayout get || first is not null)
            {
                return null;
            }

            first = Holey(get.File, world.Coordinator.Grant(get.File, get.Access).Generation);
            return new LayoutGranted(first, TimeSpan.Zero);
        };
        var file = world.Coordinator.AddFile(70, 4 * Cluster);
        var (handle, _) = await world.Volume.OpenAsync(file, OpenAccess.ReadWrite, truncate: false);
        world.Volume.ExpectData(handle, new ByteCount(1 << 20));
        await ClientWorld.UntilAsync(() => handle.HasLayout);
        return handle;
    }

    private static Layout Holey(FileId file, LayoutGeneration generation) =>
        new(file, generation, LayoutAccess.ReadWrite, [s_before, s_after], new ByteCount(4 * Cluster));
}
