using System.Diagnostics;
using Covol.Ntfs;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.VolumeClient;

namespace Covol.Growth;

/// <summary>A file in more and more pieces, each a cluster long: what its layout, a look into it and a change of it cost.</summary>
internal static class ExtentGrowth
{
    private const string Grows = "extents";
    private const int Cluster = 4096;

    /// <summary>Clusters that take their places in one commit: the record of all that changes fits the journal.</summary>
    private const int PiecesACommit = 5_000;

    /// <summary>Looks that are timed together: one takes less than the clock's step.</summary>
    private const int LooksAtOnce = 100_000;

    /// <summary>Clusters between two places of which it is asked whether they are direct; a third of what an answer tells.</summary>
    private const int LearnStep = 500;

    private static readonly TimeSpan s_learnLimit = TimeSpan.FromMinutes(2);

    public static async Task MeasureAsync(GrowthSizes sizes, GrowthTable table)
    {
        var files = new List<FileId>();
        await using var volume = await GrowthVolume.StartAsync(ByteCount.FromMebibytes(2048), filled =>
        {
            foreach (var count in sizes.Extents)
            {
                var start = Stopwatch.GetTimestamp();
                files.Add(MakePieces(filled, count));
                table.Add(Grows, count, "the engine makes it", Stopwatch.GetElapsedTime(start).TotalMilliseconds, "ms");
            }
        });
        await using var node = await GrowthNode.ConnectAsync(volume);
        var session = await GrowthSession.OpenAsync(volume, 2);

        // Code that runs for the first time is slow.
        for (var turn = 0; turn < sizes.Changes; turn++)
        {
            await session.AskAsync<LayoutGranted>(new GetLayout(files[0], LayoutAccess.Read));
        }

        foreach (var (file, count) in files.Zip(sizes.Extents))
        {
            var layout = (await session.AskAsync<LayoutGranted>(new GetLayout(file, LayoutAccess.Read))).Layout
                ?? throw new GrowthException("A layout was not granted.");
            table.Add(Grows, count, "extents of its layout", layout.Extents.Count, "extents");
            await table.TimeAsync(
                Grows, count, "layout", sizes.Changes, _ => session.AskAsync<LayoutGranted>(new GetLayout(file, LayoutAccess.Read)));
            await table.TimeAsync(
                Grows, count, "of it, reading the map in the engine", sizes.Changes, _ => volume.AskEngineAsync(engine => engine.Map(file)));
            var map = await volume.AskEngineAsync(engine => engine.Map(file));
            await table.TimeAsync(
                Grows,
                count,
                "of it, looking whether the journal covers it",
                sizes.Changes,
                _ => volume.AskEngineAsync(engine => engine.MustCheckpointBefore(map.Extents)));
            await table.TimeAsync(Grows, count, "attributes", sizes.Reads, _ => session.AskAsync<Entry>(new GetAttributes(file)));
            var handle = await node.OpenAsync(file);
            await GrowthNode.LayoutsAsync([handle]);
            var block = new byte[Cluster];
            var since = Stopwatch.GetTimestamp();
            await LearnAsync(node, handle, count, block);
            table.Add(Grows, count, "until every place is direct, read here and there", Stopwatch.GetElapsedTime(since).TotalMilliseconds, "ms");
            LookUp(handle, layout, count, table);
            await table.TimeAsync(Grows, count, "4 KiB through the coordinator, read, at its end", sizes.Reads, async _ =>
            {
                if (await node.Volume.ReadAsync(handle, new FileByteOffset((count - 1L) * Cluster), block) != Cluster)
                {
                    throw new GrowthException("A read within the file ended before it.");
                }
            });
            await table.TimeAsync(Grows, count, "4 KiB through the coordinator, written, at its end", sizes.Reads, async _ =>
                await node.Volume.WriteAsync(handle, new FileByteOffset((count - 1L) * Cluster), append: false, clearSetId: false, block));
            await table.TimeAsync(Grows, count, "4 KiB appended", sizes.Changes, async _ =>
                await node.Volume.WriteAsync(handle, default, append: true, clearSetId: false, block));
            await node.Volume.CloseAsync(handle);
        }
    }

    /// <summary>Reads wherever a read is not direct yet, until each of so many places of the file is.</summary>
    private static async Task LearnAsync(GrowthNode node, OpenFile handle, int count, byte[] block)
    {
        var deadline = Stopwatch.StartNew();
        for (var cluster = 0; cluster < count; cluster += Math.Min(LearnStep, count - 1))
        {
            var place = new FileByteOffset((long)cluster * Cluster);
            while (!IsDirect(handle, place))
            {
                if (deadline.Elapsed > s_learnLimit)
                {
                    throw new GrowthException($"Cluster {cluster} of {count} did not become direct.");
                }

                await node.Volume.ReadAsync(handle, place, block);
            }
        }
    }

    private static bool IsDirect(OpenFile handle, FileByteOffset place)
    {
        if (!handle.TryMapRead(place, Cluster, new LunSegment[1], out _, out var pinned))
        {
            return false;
        }

        handle.ReadEnded(pinned, Cluster, succeeded: true);
        return true;
    }

    /// <summary>
    /// All of a file's clusters are its own from the beginning, in one piece behind its size; they take the places of its holes in reverse
    /// order, so no two that follow each other in the file do so on the LUN.
    /// </summary>
    private static FileId MakePieces(NtfsVolume volume, int count)
    {
        var file = volume.Create(volume.Root, $"pieces-{count}", new NewInode(FileKind.Regular, GrowthVolume.FileMode, 0, 0)).File;
        var size = new ByteCount((long)count * Cluster);
        volume.Stretch(file, size);
        GrowthVolume.CommitInTime(volume);
        var map = volume.AddSpare(file, size);
        GrowthVolume.CommitInTime(volume);
        var spare = map.Extents.Where(extent => extent.FileStart.Value >= size.Value)
            .SelectMany(
                extent => Enumerable.Range(0, (int)(extent.Length.Value / Cluster)),
                (extent, index) => extent.LunStart.Value + ((long)index * Cluster))
            .ToArray();
        if (spare.Length < count)
        {
            throw new GrowthException($"The volume gave {spare.Length} clusters of {count}.");
        }

        for (var done = 0; done < count; done += PiecesACommit)
        {
            var filled = Enumerable.Range(done, Math.Min(PiecesACommit, count - done)).Select(index => new FileExtent(
                new FileByteOffset((long)index * Cluster), new LunByteOffset(spare[count - 1 - index]), new ByteCount(Cluster)));
            volume.Fill(file, [.. filled]);
            GrowthVolume.CommitInTime(volume);
        }

        volume.SetValidLength(file, size, default);
        GrowthVolume.CommitInTime(volume);
        var made = volume.Map(file).Extents.Count;
        return made == count ? file : throw new GrowthException($"A file was to have {count} extents and has {made}.");
    }

    /// <summary>The data path's own look: where a block lies.</summary>
    private static void LookUp(OpenFile handle, Layout layout, int count, GrowthTable table)
    {
        Span<LunSegment> segments = new LunSegment[4];
        var clusters = (int)(layout.ValidLength.Value / Cluster);
        var found = 0;
        var start = Stopwatch.GetTimestamp();
        for (var look = 0; look < LooksAtOnce; look++)
        {
            // A prime's multiples: all over the file.
            var offset = new FileByteOffset(look * 7_919L % clusters * Cluster);
            if (handle.TryMapRead(offset, Cluster, segments, out _, out var pinned) && handle.ReadEnded(pinned, Cluster, succeeded: true))
            {
                found++;
            }
        }

        var taken = Stopwatch.GetElapsedTime(start).TotalNanoseconds;
        if (found != LooksAtOnce)
        {
            throw new GrowthException($"Of {LooksAtOnce} looks into a layout {found} found their block.");
        }

        table.Add(Grows, count, "a look into the layout on the node", taken / LooksAtOnce, "ns");
    }
}
