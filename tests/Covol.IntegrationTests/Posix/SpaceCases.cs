namespace Covol.IntegrationTests.Posix;

internal static class SpaceCases
{
    public static IReadOnlyList<PosixCase> All { get; } =
    [
        new("Room that is asked for makes a file longer and never shorter", c =>
        {
            c.Make("file", "hello");
            var file = c.Open("file", Libc.ReadWrite);
            c.Allocate(file, 0, 0, 3);
            c.Status("file");
            c.Allocate(file, 0, 100, 10_000);
            c.Status("file");
            c.Read(file, 0, 20_000);
            c.Say("takes room", c.StatusOf("file")?.Blocks >= 16);
            c.Allocate(file, 0, 0, 0);
            c.Allocate(file, 0, -1, 10);
            c.Allocate(file, 0, 0, -1);
            c.Allocate(file, 0, long.MaxValue - 1, 100);
        }),
        new("Room inside the file is there without a change of size", c =>
        {
            c.Make("file", new string('x', 10_000));
            var file = c.Open("file", Libc.ReadWrite);
            c.Allocate(file, Libc.KeepSize, 0, 10_000);
            c.Allocate(file, Libc.KeepSize, 4_096, 100);
            c.Status("file");
            c.Read(file, 0, 20_000);
        }),
        new("Room past the end is kept, beyond the close too, until the file is cut", c =>
        {
            c.Make("file", new string('x', 10_000));
            var file = c.Open("file", Libc.ReadWrite);
            c.Allocate(file, Libc.KeepSize, 0, 1 << 20);
            c.Status("file");
            c.Say("takes room", c.StatusOf("file")?.Blocks >= 2_048);
            c.Read(file, 9_990, 100);
            c.Close(file);
            c.Say("still takes it", c.StatusOf("file")?.Blocks >= 2_048);
            file = c.Open("file", Libc.ReadWrite);
            c.Write(file, 500_000, "here");
            c.Status("file");
            c.Read(file, 499_990, 100);
            c.Close(file);
            c.Say("takes it after a write", c.StatusOf("file")?.Blocks >= 2_048);
            c.Truncate("file", 600_000);
            c.Truncate("file", 10_000);
            c.Status("file");
            c.Say("gave it back", c.StatusOf("file")?.Blocks < 100);
        }),
        new("A cut to the size that a file has gives back the room that was kept past it", c =>
        {
            c.Make("file", new string('x', 10_000));
            var file = c.Open("file", Libc.ReadWrite);
            c.Allocate(file, Libc.KeepSize, 10_000, 1 << 20);
            c.Say("takes room", c.StatusOf("file")?.Blocks >= 2_048);
            c.Truncate(file, 10_000);
            c.Status("file");
            c.Say("gave it back", c.StatusOf("file")?.Blocks < 100);
            c.Read(file, 9_990, 100);
        }),
        new("Room of an empty file, and room far past the end", c =>
        {
            c.Make("file", "");
            var file = c.Open("file", Libc.ReadWrite);
            c.Allocate(file, Libc.KeepSize, 0, 100_000);
            c.Status("file");
            c.Say("takes room", c.StatusOf("file")?.Blocks is >= 195 and < 600);
            c.Allocate(file, Libc.KeepSize, 4 << 20, 1 << 20);
            c.Status("file");
            c.Say("takes that much", c.StatusOf("file")?.Blocks is >= 2_243 and < 4_000);
            c.Write(file, 3, "text");
            c.Status("file");
            c.Read(file, 0, 100);
        }),
        new("A range of zeroes is just that range", c =>
        {
            c.Make("file", new string('x', 20_000));
            var file = c.Open("file", Libc.ReadWrite);
            c.Allocate(file, Libc.ZeroRange, 100, 50);
            c.Allocate(file, Libc.ZeroRange, 4_000, 9_000);
            c.Read(file, 0, 30_000);
            c.Allocate(file, Libc.ZeroRange | Libc.KeepSize, 19_990, 5_000);
            c.Status("file");
            c.Read(file, 0, 30_000);
            c.Allocate(file, Libc.ZeroRange, 19_990, 5_000);
            c.Status("file");
            c.Read(file, 0, 30_000);
        }),
        new("Modes that no file system knows are refused", c =>
        {
            c.Make("file");
            var file = c.Open("file", Libc.ReadWrite);
            c.Allocate(file, Libc.PunchHole, 0, 4_096);
            c.Allocate(file, 0x4000, 0, 4_096);
            c.MakeDirectory("folder");
            c.Allocate(c.Open("folder", Libc.ReadOnly), 0, 0, 10);
        }),
    ];
}
