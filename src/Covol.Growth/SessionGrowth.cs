using System.Diagnostics;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;

namespace Covol.Growth;

/// <summary>One coordinator, more and more nodes: what a layout, a recall, a change and the memory of each cost.</summary>
internal static class SessionGrowth
{
    private const string Grows = "sessions";

    /// <summary>Of each session, so that 64 of them have 8,192.</summary>
    private const int LayoutsASession = 128;

    /// <summary>Requests of each session in flight, where all ask at once.</summary>
    private const int InFlight = 4;

    private const int Cluster = 4096;

    /// <summary>Clusters of the file that is cut, one at a time.</summary>
    private const int CutClusters = 4_096;

    public static async Task MeasureAsync(GrowthSizes sizes, GrowthTable table)
    {
        IReadOnlyList<FileId> files = [];
        IReadOnlyList<FileId> cut = [];
        await using var volume = await GrowthVolume.StartAsync(ByteCount.FromMebibytes(1024), filled =>
        {
            files = GrowthVolume.MakeFiles(filled, "held", LayoutsASession, Cluster);
            cut = GrowthVolume.MakeFiles(filled, "cut", 2, CutClusters * Cluster);
        });
        var sessions = new List<GrowthSession>();

        // First, unmeasured: code that runs for the first time is slow.
        var warm = new GrowthTable();
        var room = new CutRoom(cut[0], cut[1]);
        sessions.Add(await GrowthSession.OpenAsync(volume, 1));
        await StepAsync(sessions, files, room, sizes with { Reads = Math.Min(sizes.Reads, 100), Changes = Math.Min(sizes.Changes, 10) }, warm);

        var (bare, held) = (GC.GetTotalMemory(forceFullCollection: true), 0);
        foreach (var count in sizes.Sessions)
        {
            var added = 0;
            while (sessions.Count < count)
            {
                sessions.Add(await GrowthSession.OpenAsync(volume, sessions.Count + 1));
                added++;
            }

            var opened = GC.GetTotalMemory(forceFullCollection: true);
            if (added > 0)
            {
                table.Add(Grows, count, "memory of a further session", (opened - bare) / (double)added, "bytes");
            }

            foreach (var session in sessions.Skip(held))
            {
                foreach (var file in files)
                {
                    await LayoutAsync(session, file, LayoutAccess.ReadWrite);
                }
            }

            var granted = GC.GetTotalMemory(forceFullCollection: true);
            table.Add(Grows, count, "memory of a further layout", (granted - opened) / (double)((sessions.Count - held) * files.Count), "bytes");
            held = sessions.Count;
            await StepAsync(sessions, files, room, sizes, table);
            bare = GC.GetTotalMemory(forceFullCollection: true);
        }
    }

    private static async Task StepAsync(
        List<GrowthSession> sessions, IReadOnlyList<FileId> files, CutRoom room, GrowthSizes sizes, GrowthTable table)
    {
        var (one, count) = (sessions[0], sessions.Count);
        await table.TimeAsync(Grows, count, "attributes", sizes.Reads, index => one.AskAsync<Entry>(new GetAttributes(files[index % files.Count])));
        await table.TimeAsync(
            Grows, count, "layout, while all have one", sizes.Reads, index => LayoutAsync(one, files[index % files.Count], LayoutAccess.ReadWrite));
        await table.TimeAsync(Grows, count, "renewal", sizes.Reads, _ => one.AskAsync<Done>(new RenewLease()));
        await table.TimeAsync(Grows, count, "create and delete", sizes.Changes, async index =>
        {
            await one.AskAsync<Entry>(Creation(one.Root, $"alone-{index}"));
            await one.AskAsync<Done>(new Unlink(one.Root, $"alone-{index}", IsDirectory: false));
        });
        await table.TimeAsync(
            Grows, count, "a cut that recalls nothing", sizes.Changes, _ => one.AskAsync<Entry>(new SetSize(room.Free, room.NextOfFree())));
        await RecallsAsync(sessions, room, sizes, table);
        await ShownAsync(sessions, files[0], sizes, table);
        await TogetherAsync(sessions, table, "attributes, all ask", sizes.Reads, (session, slot, turn) =>
            session.AskAsync<Entry>(new GetAttributes(files[(slot + turn) % files.Count]), slot));

        // A step may come twice, and what it makes stays.
        var prefix = Guid.NewGuid();
        await TogetherAsync(sessions, table, "create, all ask", sizes.Changes / 8, (session, slot, turn) =>
            session.AskAsync<Entry>(Creation(session.Root, $"{prefix}-{session.Node.Value}-{slot}-{turn}"), slot));
    }

    /// <summary>The file is cut while everybody has a layout of it.</summary>
    private static async Task RecallsAsync(List<GrowthSession> sessions, CutRoom room, GrowthSizes sizes, GrowthTable table)
    {
        var taken = new List<double>();
        for (var turn = 0; turn < sizes.Changes; turn++)
        {
            foreach (var session in sessions)
            {
                await LayoutAsync(session, room.Held, LayoutAccess.ReadWrite);
            }

            var before = sessions.Sum(session => session.Recalls);
            var start = Stopwatch.GetTimestamp();
            await sessions[0].AskAsync<Entry>(new SetSize(room.Held, room.NextOfHeld()));
            taken.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
            if (sessions.Sum(session => session.Recalls) - before < sessions.Count)
            {
                throw new GrowthException($"A cut recalled fewer layouts than the {sessions.Count} that were there.");
            }
        }

        table.Add(Grows, sessions.Count, "a cut that recalls everybody's layout", Median(taken), "µs");
    }

    /// <summary>Times are changed while everybody shows them.</summary>
    private static async Task ShownAsync(List<GrowthSession> sessions, FileId file, GrowthSizes sizes, GrowthTable table)
    {
        var taken = new List<double>();
        for (var turn = 0; turn < sizes.Changes; turn++)
        {
            foreach (var session in sessions)
            {
                await session.AskAsync<Done>(new RenewLease());
                await session.AskAsync<Entry>(new GetAttributes(file));
            }

            var start = Stopwatch.GetTimestamp();
            await sessions[0].AskAsync<Entry>(new SetAttributes(file, new AttributeChange { Mode = GrowthVolume.FileMode ^ (turn & 1) }));
            taken.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
        }

        table.Add(Grows, sessions.Count, "chmod of what everybody shows", Median(taken), "µs");
    }

    private static async Task TogetherAsync(
        List<GrowthSession> sessions, GrowthTable table, string measure, int turns, Func<GrowthSession, int, int, Task> ask)
    {
        // The same amount of work, whoever does it.
        var each = Math.Max(1, turns * 16 / (sessions.Count * InFlight));
        var start = Stopwatch.GetTimestamp();
        await Task.WhenAll(sessions.SelectMany(session => Enumerable.Range(0, InFlight).Select(slot => Task.Run(async () =>
        {
            for (var turn = 0; turn < each; turn++)
            {
                await ask(session, slot, turn);
            }
        }))));
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        table.Add(Grows, sessions.Count, $"{measure} with {InFlight} in flight", each * sessions.Count * InFlight / seconds, "a second");
    }

    private static async Task LayoutAsync(GrowthSession session, FileId file, LayoutAccess access)
    {
        var granted = await session.AskAsync<LayoutGranted>(new GetLayout(file, access));
        if (granted.Layout is null)
        {
            throw new GrowthException($"A layout of {file} was not granted.");
        }
    }

    private static Create Creation(FileId directory, string name) =>
        new(directory, name, new NewInode(FileKind.Regular, GrowthVolume.FileMode, 0, 0), null, OpenExisting: false, Truncate: false);

    private static double Median(List<double> values)
    {
        values.Sort();
        return values[values.Count / 2];
    }

    /// <summary>Two files that become shorter with each cut: one that nobody holds, one that everybody does.</summary>
    private sealed class CutRoom(FileId free, FileId held)
    {
        private long _free = CutClusters;
        private long _held = CutClusters;

        public FileId Free => free;

        public FileId Held => held;

        public ByteCount NextOfFree() => new(--_free * Cluster);

        public ByteCount NextOfHeld() => new(--_held * Cluster);
    }
}
