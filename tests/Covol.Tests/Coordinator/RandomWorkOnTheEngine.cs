using Covol.Coordinator;
using Covol.Ntfs;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Tests.Coordinator.Support;
using Covol.Tests.Ntfs.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Coordinator;

/// <summary>
/// The coordinator with the real engine below it: whatever two nodes do to a few files, each holds what was written last, and after a power
/// cut nothing that was made stable is missing.
/// </summary>
public sealed class RandomWorkOnTheEngine
{
    private const int Steps = 300;
    private const int ControlSeeds = 300;

    /// <summary>More are for whoever changed something here.</summary>
    public static TheoryData<int> Seeds =>
        [.. Enumerable.Range(1, int.Parse(Environment.GetEnvironmentVariable("COVOL_ENGINE_SEEDS") ?? "12", null))];

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Files_hold_what_was_written_last_and_the_volume_is_sound(int seed)
    {
        var device = Littered();
        await WorkAsync(device, seed, Options(seed), work => work.EndAsync());

        using (Recover(device))
        {
            // What the last coordinator's end left in the journal is in its place now.
        }

        VolumeChecker.Check(device).ShouldBeEmpty();
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task A_power_cut_takes_nothing_that_was_stable_and_the_volume_is_sound(int seed)
    {
        (await AfterPowerCutAsync(seed, Options(seed))).ShouldBeNull();
    }

    [Fact]
    public async Task Control_without_the_flush_before_data_is_valid_a_power_cut_shows_what_was_there_before()
    {
        for (var seed = 1; seed <= ControlSeeds; seed++)
        {
            if (await AfterPowerCutAsync(seed, Options(seed) with { FlushesBeforeValid = false }) is not null)
            {
                return;
            }
        }

        Assert.Fail("Nothing was seen.");
    }

    /// <summary>Null: all is well.</summary>
    private static async Task<string?> AfterPowerCutAsync(int seed, CoordinatorOptions options)
    {
        var cut = new Random(-seed);
        SnapshotDevice? left = null;
        var (possible, history) = await WorkAsync(
            Littered(),
            seed,
            options,
            work =>
            {
                left = work.Lun.IsCut ? work.Lun.AfterCut(cut) : null;
                return Task.CompletedTask;
            },
            cutsAfter: cut.Next(1, 1_500));
        if (left is null)
        {
            return null;
        }

        var broken = Broken(left, possible) ?? VolumeChecker.Check(left).Select(finding => finding.ToString()).FirstOrDefault();
        return broken is null ? null : broken + history;
    }

    private static async Task<(IReadOnlyDictionary<string, IReadOnlyList<byte[]?>> Possible, string History)> WorkAsync(
        SnapshotDevice device, int seed, CoordinatorOptions options, Func<EngineWork, Task> end, int cutsAfter = 0)
    {
        await using var world = await EngineWorld.StartAsync(device, options);
        world.Lun.CutsAfter = cutsAfter;
        var work = new EngineWork(world, seed, SizeMax(seed));
        try
        {
            await work.RunAsync(Steps);
            await end(work);
        }
        catch (Exception failure)
        {
            throw new InvalidOperationException($"{world.FailedBecause ?? failure.Message}{History()}", failure);
        }

        return (work.Possible, History());

        string History() => Environment.NewLine + string.Join(Environment.NewLine, work.History.TakeLast(80));
    }

    /// <summary>A volume whose free clusters hold what somebody else wrote once, and nobody may see again.</summary>
    private static SnapshotDevice Littered()
    {
        var device = FormattedVolume.Small();
        using var volume = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default).Volume;
        var litter = volume.Create(volume.Root, "litter", new NewInode(FileKind.Regular, 0x1A4, 0, 0)).File;
        foreach (var extent in volume.Extend(litter, volume.GetSpace().Free).Extents)
        {
            var old = new byte[extent.Length.Value];
            old.AsSpan().Fill(ArrayLun.Old);
            device.Write(extent.LunStart, old);
        }

        volume.Commit([]);
        volume.Unlink(volume.Root, "litter", false);
        while (!volume.PurgeOrphanStep(litter))
        {
            volume.Commit([]);
        }

        volume.Commit([]);
        volume.Checkpoint([]);
        return device;
    }

    private static NtfsVolume Recover(SnapshotDevice device) => NtfsVolume.Open(device, new Epoch(1_000), NtfsOptions.Default).Volume;

    /// <summary>Null: every name is there that has to be, and each file holds what it may.</summary>
    private static string? Broken(SnapshotDevice device, IReadOnlyDictionary<string, IReadOnlyList<byte[]?>> possible)
    {
        using var volume = Recover(device);
        foreach (var (name, contents) in possible)
        {
            if (volume.Lookup(volume.Root, name) is not { } found)
            {
                if (!contents.Contains(null))
                {
                    return $"{name} is gone.";
                }
            }
            else if (Differs(Content(device, volume, found.File), [.. contents.OfType<byte[]>()]) is { } difference)
            {
                return $"{name}: {difference}";
            }
        }

        return null;
    }

    private static byte[] Content(SnapshotDevice device, NtfsVolume volume, FileId file)
    {
        var map = volume.Map(file);
        if (map.IsResident)
        {
            return volume.Read(file, 0, (int)map.Size.Value);
        }

        var content = new byte[map.Size.Value];
        foreach (var extent in map.Extents)
        {
            var bytes = new byte[extent.Length.Value];
            device.Read(extent.LunStart, bytes);
            var count = (int)Math.Clamp(map.ValidLength.Value - extent.FileStart.Value, 0, bytes.Length);
            bytes.AsSpan(0, count).CopyTo(content.AsSpan((int)Math.Min(extent.FileStart.Value, content.Length)));
        }

        return content;
    }

    /// <summary>Each byte is one that the file had there since it was stable. Null: it is so.</summary>
    private static string? Differs(byte[] found, IReadOnlyList<byte[]> since)
    {
        if (since.Count == 0)
        {
            return "It is there.";
        }

        if (!since.Any(content => content.Length == found.Length))
        {
            return $"It is {found.Length} B long, which it never was; at last it was {since[^1].Length}.";
        }

        for (var at = 0; at < found.Length; at++)
        {
            var position = at;
            if (!since.Any(content => position < content.Length && content[position] == found[position]))
            {
                return $"At {at} there is {found[at]}, which was never there; at last it was {(at < since[^1].Length ? since[^1][at] : 0)}.";
            }
        }

        return null;
    }

    /// <summary>Files that fit their MFT records, small ones, and others.</summary>
    private static int SizeMax(int seed) => (seed % 4) switch
    {
        0 => 600,
        1 => 70_000,
        _ => 400_000,
    };

    /// <summary>Small limits, so that little work comes to all of them.</summary>
    private static CoordinatorOptions Options(int seed) => (seed % 3) switch
    {
        0 => new CoordinatorOptions(),
        1 => new CoordinatorOptions { TailFrom = 1, TailMin = 16_384, StepMax = 8_192, HoleMin = 4_096 },
        _ => new CoordinatorOptions { TailFrom = 1, TailMin = 65_536, GrowStepMax = 65_536 },
    };
}
