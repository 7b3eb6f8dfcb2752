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
