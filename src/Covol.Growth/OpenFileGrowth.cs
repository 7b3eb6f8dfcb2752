using System.Diagnostics;
using Covol.Protocol.Control;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.VolumeClient;

namespace Covol.Growth;

/// <summary>One node opens more and more files, with a layout each; then the coordinator dies and the next one takes over.</summary>
internal static class OpenFileGrowth
{
    private const string Grows = "open files";

    /// <summary>As long as a node asks for a layout at open.</summary>
    private const long FileBytes = 64 << 10;

    private static readonly TimeSpan s_graceLimit = TimeSpan.FromSeconds(60);

    public static async Task MeasureAsync(GrowthSizes sizes, GrowthTable table)
    {
        IReadOnlyList<FileId> files = [];
        await using var volume = await GrowthVolume.StartAsync(
            ByteCount.FromMebibytes(2048), filled => files = GrowthVolume.MakeFiles(filled, "open", sizes.OpenFiles[^1] + 1, FileBytes));
        await using var node = await GrowthNode.ConnectAsync(volume);
        var spare = files[^1];
        var root = (await node.Volume.AskAsync<Entry>(new GetRoot())).Attributes.File;
        var handles = new List<OpenFile>();

        // Code that runs for the first time is slow.
        for (var turn = 0; turn < sizes.Reads; turn++)
        {
            var warm = await node.OpenAsync(spare);
            await GrowthNode.LayoutsAsync([warm]);
            await node.Volume.CloseAsync(warm);
        }

        foreach (var count in sizes.OpenFiles)
        {
            var before = GC.GetTotalMemory(forceFullCollection: true);
            var first = handles.Count;
            var start = Stopwatch.GetTimestamp();
            for (var index = first; index < count; index++)
            {
                handles.Add(await node.OpenAsync(files[index]));
            }

            await GrowthNode.LayoutsAsync(handles);
            table.Add(Grows, count, "open and layout", Stopwatch.GetElapsedTime(start).TotalMicroseconds / (count - first), "µs");
            var after = GC.GetTotalMemory(forceFullCollection: true);
            table.Add(Grows, count, "memory of a further file, node and coordinator", (after - before) / (double)(count - first), "bytes");

            await table.TimeAsync(Grows, count, "open and close of one more", sizes.Changes, async _ =>
            {
                var (handle, _) = await node.Volume.OpenAsync(spare, OpenAccess.Read, truncate: false);
                await node.Volume.CloseAsync(handle);
            });
            await table.TimeAsync(Grows, count, "attributes", sizes.Reads, async index =>
                await node.Volume.AskAsync<Entry>(new GetAttributes(files[index % count])));
            await table.TimeAsync(Grows, count, "create and delete", sizes.Changes, async index =>
            {
                var inode = new NewInode(FileKind.Regular, GrowthVolume.FileMode, 0, 0);
                var made = new Create(root, $"{count}-{index}", inode, null, OpenExisting: false, Truncate: false);
                await node.Volume.AskAsync<Entry>(made);
                await node.Volume.AskAsync<Done>(new Unlink(root, made.Name, IsDirectory: false));
            });
            await table.TimeAsync(Grows, count, "state of the coordinator", sizes.Reads / 4, async _ =>
            {
                var state = await volume.Coordinator.GetStateAsync();
                Require(
                    state.OpenHandles >= count && state.Layouts >= count,
                    $"The coordinator knows {state.OpenHandles} handles and {state.Layouts} layouts.");
            });
            await table.TimeAsync(Grows, count, "state of the node", sizes.Reads / 4, _ =>
            {
                Require(node.Volume.Describe().OpenHandles >= count, "The node forgot files that are open.");
                return Task.CompletedTask;
            });
            await TakeOverAsync(volume, node, handles, table);
        }

        var closing = Stopwatch.GetTimestamp();
        foreach (var handle in handles)
        {
            await node.Volume.CloseAsync(handle);
        }

        table.Add(Grows, handles.Count, "close", Stopwatch.GetElapsedTime(closing).TotalMicroseconds / handles.Count, "µs");
    }

    private static async Task TakeOverAsync(GrowthVolume volume, GrowthNode node, List<OpenFile> handles, GrowthTable table)
    {
        var start = Stopwatch.GetTimestamp();
        await volume.TakeOverAsync();
        table.Add(Grows, handles.Count, "takeover until it serves or grace begins", Stopwatch.GetElapsedTime(start).TotalMilliseconds, "ms");
        start = Stopwatch.GetTimestamp();
        await node.FollowAsync(volume);
        await ServingAsync(volume);
        table.Add(Grows, handles.Count, "grace until everything is reclaimed", Stopwatch.GetElapsedTime(start).TotalMilliseconds, "ms");
        var state = await volume.Coordinator.GetStateAsync();
        var alive = handles.Count(handle => !handle.IsDead && handle.HasLayout);
        Require(
            alive == handles.Count && state.OpenHandles == handles.Count && state.Layouts == handles.Count,
            $"Of {handles.Count} open files the takeover left {alive}; the coordinator knows {state.OpenHandles} handles, {state.Layouts} layouts.");
    }

    private static async Task ServingAsync(GrowthVolume volume)
    {
        var start = Stopwatch.GetTimestamp();
        while ((await volume.Coordinator.GetStateAsync()).Phase != CoordinatorPhase.Serving)
        {
            volume.RequireServing();
            Require(Stopwatch.GetElapsedTime(start) < s_graceLimit, "Grace does not end.");
            await Task.Yield();
        }
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new GrowthException(otherwise);
        }
    }
}
