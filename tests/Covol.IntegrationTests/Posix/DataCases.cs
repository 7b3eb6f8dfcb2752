namespace Covol.IntegrationTests.Posix;

internal static class DataCases
{
    public static IReadOnlyList<PosixCase> All { get; } =
    [
        new("What was written is read, and past the end is nothing", c =>
        {
            var file = c.Open("file", Libc.ReadWrite | Libc.Create);
            c.Read(file, 0, 10);
            c.Write(file, 0, "hello");
            c.Read(file, 0, 100);
            c.Read(file, 2, 2);
            c.Read(file, 5, 10);
            c.Read(file, 1L << 40, 10);
            c.Write(file, 3, "p me");
            c.Read(file, 0, 100);
            c.Write(file, 0, "");
        }),
        new("What was left out reads as zeroes", c =>
        {
            var file = c.Open("file", Libc.ReadWrite | Libc.Create);
            c.Write(file, 100_000, "end");
            c.Read(file, 0, 100_003);
            c.Write(file, 5_000, "middle");
            c.Read(file, 0, 110_000);
            c.Truncate(file, 200_000);
            c.Read(file, 90_000, 110_000);
            c.Write(file, 150_001, "x");
            c.Read(file, 140_000, 60_000);
        }),
        new("What was cut off does not come back", c =>
        {
            c.Make("file", new string('x', 10_000));
            var file = c.Open("file", Libc.ReadWrite);
            foreach (var length in new[] { 5_000, 9_000, 4_096, 4_097, 8_192, 1, 3, 0, 10 })
            {
                c.Truncate(file, length);
                c.Read(file, 0, 20_000);
            }

            c.Truncate(file, -1);
            c.Truncate("missing", 0);
        }),
        new("Appends go to the end, wherever the program is", c =>
        {
            c.Make("file", "start");
            var one = c.Open("file", Libc.WriteOnly | Libc.Append);
            var two = c.Open("file", Libc.WriteOnly | Libc.Append);
            c.Write(one, 0, " one");
            c.Write(two, 1, " two");
            c.Write(one, 100_000, " three");
            c.ReadAll("file");
        }),
        new("Files grow to terabytes and are refused beyond all measure", c =>
        {
            c.Make("file", "");
            c.Truncate("file", long.MaxValue);
            var file = c.Open("file", Libc.ReadWrite);
            c.Write(file, -1, "x");
            c.Read(file, -1, 1);
            c.Status("file");
        }),
        new("Positions are counted from start and end", c =>
        {
            c.Make("file", "0123456789");
            var file = c.Open("file", Libc.ReadOnly);
            c.Seek(file, -3, Libc.SeekEnd);
            c.Seek(file, 100, Libc.SeekEnd);
            c.Seek(file, -11, Libc.SeekEnd);
            c.Seek(file, -1, Libc.SeekSet);
            c.Seek(file, 5, Libc.SeekSet);
            c.Seek(file, 0, 99);
        }),
        new("Data is found by its position and holes are not after the end", c =>
        {
            c.Make("file", "0123456789");
            var file = c.Open("file", Libc.ReadOnly);
            c.Seek(file, 0, Libc.SeekData);
            c.Seek(file, 5, Libc.SeekData);
            c.Seek(file, 0, Libc.SeekHole);
            c.Seek(file, 9, Libc.SeekHole);
            c.Seek(file, 10, Libc.SeekData);
            c.Seek(file, 10, Libc.SeekHole);
            c.Seek(file, 1000, Libc.SeekHole);
            c.Seek(file, -1, Libc.SeekData);
            c.Make("empty", "");
            c.Seek(c.Open("empty", Libc.ReadOnly), 0, Libc.SeekData);
        }),
        new("What was never written after the data is a hole", c =>
        {
            var file = c.Open("file", Libc.ReadWrite | Libc.Create);
            c.Write(file, 0, new string('x', 4096));
            c.Truncate(file, 1 << 20);
            c.Seek(file, 0, Libc.SeekData);
            c.Seek(file, 0, Libc.SeekHole);
            c.Seek(file, 4096, Libc.SeekHole);
            c.Seek(file, 4096, Libc.SeekData);
            c.Seek(file, 8192, Libc.SeekHole);
            c.Seek(file, 1 << 20, Libc.SeekHole);
        }),
        new("Part of one file is copied to another", c =>
        {
            c.Make("from", new string('a', 5_000) + new string('b', 5_000));
            c.Make("to", "0123456789");
            var from = c.Open("from", Libc.ReadOnly);
            var to = c.Open("to", Libc.ReadWrite);
            c.Copy(from, 4_990, to, 5, 20);
            c.ReadAll("to");
            c.Copy(from, 9_990, to, 0, 100);
            c.Copy(from, 20_000, to, 0, 100);
            c.ReadAll("to");
            c.Copy(to, 0, from, 0, 10);
            c.Copy(to, 0, to, 5, 10);
        }),
        new("A shared map and the file are the same", c =>
        {
            c.Make("file", new string('x', 5_000));
            var file = c.Open("file", Libc.ReadWrite);
            c.WriteThroughMap(file, 10, "mapped");
            c.Read(file, 0, 30);
            c.Write(file, 12, "PP");
            c.WriteThroughMap(file, 100, "again");
            c.Read(file, 0, 120);
            c.Close(file);
            c.ReadAll("file");
        }),
        new("Everything can be made stable", c =>
        {
            c.MakeDirectory("folder");
            c.Make("folder/file");
            var folder = c.Open("folder", Libc.ReadOnly);
            var file = c.Open("folder/file", Libc.ReadOnly);
            c.Synchronize(folder);
            c.Synchronize(file);
            c.SynchronizeFileSystem(file);
        }),
    ];
}
