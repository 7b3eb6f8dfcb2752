namespace Covol.IntegrationTests.Posix;

/// <summary>Files with holes. Sizes are multiples of what both file systems fill around a write, so that both have the same holes.</summary>
internal static class HoleCases
{
    private const int Step = 1 << 20;

    public static IReadOnlyList<PosixCase> All { get; } =
    [
        new("A file that was made longer takes no room", c =>
        {
            c.Make("file", "hello");
            c.Truncate("file", 100L * Step);
            c.Say("takes little room", c.StatusOf("file")?.Blocks <= 8);
            var file = c.Open("file", Libc.ReadWrite);
            c.Read(file, 50L * Step, 1000);
            c.Read(file, 0, 100);
            c.Seek(file, 0, Libc.SeekHole);
            c.Seek(file, 4096, Libc.SeekData);
            c.Truncate(file, 1000);
            c.Say("takes little room", c.StatusOf("file")?.Blocks <= 8);
            c.ReadAll("file");
        }),
        new("What was left out takes no room, and is found", c =>
        {
            var file = c.Open("file", Libc.ReadWrite | Libc.Create);
            c.Write(file, 0, "start");
            c.Write(file, 10L * Step, new string('m', Step));
            c.Write(file, 20L * Step, "end");
            c.Say("takes room for what is there", c.StatusOf("file")?.Blocks is >= 2056 and < 10000);
            c.Seek(file, 0, Libc.SeekData);
            c.Seek(file, 5L * Step, Libc.SeekData);
            c.Seek(file, 5L * Step, Libc.SeekHole);
            c.Seek(file, 10L * Step, Libc.SeekHole);
            c.Seek(file, (11L * Step) + 5, Libc.SeekData);
            c.Seek(file, 20L * Step, Libc.SeekHole);
            c.Read(file, 10 * Step - 100, 200);
            c.Read(file, 20 * Step - 100, 200);
            c.Write(file, (5 * Step) + 77, "middle");
            c.Read(file, 5 * Step, 200);
            c.Read(file, 5 * Step - 100, 100);
            c.Status("file");
        }),
        new("A hole that is made reads as zero and gives room back", c =>
        {
            c.Make("file", new string('x', 4 * Step));
            var file = c.Open("file", Libc.ReadWrite);
            var before = c.StatusOf("file")?.Blocks;
            c.Allocate(file, Libc.PunchHole | Libc.KeepSize, Step, 2 * Step);
            c.Say("gave back", before - c.StatusOf("file")?.Blocks);
            c.Status("file");
            c.Seek(file, 0, Libc.SeekHole);
            c.Seek(file, Step, Libc.SeekData);
            c.Read(file, Step - 10, 20);
            c.Read(file, (3 * Step) - 10, 20);
            c.Allocate(file, Libc.PunchHole | Libc.KeepSize, 100, 300);
            c.Allocate(file, Libc.PunchHole | Libc.KeepSize, (4 * Step) - 50, 10 * Step);
            c.Allocate(file, Libc.PunchHole | Libc.KeepSize, 40L * Step, Step);
            c.Read(file, 0, 500);
            c.Read(file, (4 * Step) - 100, 200);
            c.Status("file");
            c.Write(file, (2 * Step) - 3, "filled");
            c.Read(file, (2 * Step) - 10, 20);
            c.Allocate(file, Libc.PunchHole | Libc.KeepSize, 0, 4 * Step);
            c.Say("takes less room", c.StatusOf("file")?.Blocks < 8_192);
            c.Read(file, Step - 10, 20);
            c.Allocate(file, Libc.PunchHole, 0, 4096);
            c.Allocate(file, Libc.PunchHole | Libc.KeepSize, 0, 0);
            c.Allocate(c.Open("file", Libc.ReadOnly), Libc.PunchHole | Libc.KeepSize, 0, 4096);
        }),
        new("Room can be had for a hole", c =>
        {
            c.Make("file", "x");
            c.Truncate("file", 8L * Step);
            var file = c.Open("file", Libc.ReadWrite);
            c.Write(file, 7 * Step, "y");
            c.Allocate(file, 0, Step, Step);
            c.Allocate(file, Libc.KeepSize, 3 * Step, Step);
            c.Say("takes room", c.StatusOf("file")?.Blocks >= 4096);
            c.Read(file, Step, 100);
            c.Read(file, 3 * Step, 100);
            c.Allocate(file, 0, 12 * Step, Step);
            c.Say("takes room", c.StatusOf("file")?.Blocks is >= 6144 and < 12000);
            c.Status("file");
        }),
        new("Small files have holes too", c =>
        {
            c.Make("file", "tiny");
            var file = c.Open("file", Libc.ReadWrite);
            c.Allocate(file, Libc.PunchHole | Libc.KeepSize, 1, 2);
            c.Read(file, 0, 10);
            c.Allocate(file, Libc.PunchHole | Libc.KeepSize, 0, 4096);
            c.Read(file, 0, 10);
            c.Write(file, 2, "XY");
            c.Read(file, 0, 10);
            c.Status("file");
        }),
        new("A file of fifteen tebibytes", c =>
        {
            c.Make("file", "start");
            c.Truncate("file", 15L << 40);
            var file = c.Open("file", Libc.ReadWrite);
            c.Write(file, 10L << 40, "middle");
            c.Write(file, (15L << 40) - 1, "end");
            c.Read(file, (10L << 40) - 10, 30);
            c.Read(file, (15L << 40) - 10, 30);
            c.Seek(file, 1L << 20, Libc.SeekData);
            c.Status("file");
            c.Say("takes little room", c.StatusOf("file")?.Blocks < 10_000);
            c.Truncate(file, 5);
            c.ReadAll("file");
        }),
    ];
}
