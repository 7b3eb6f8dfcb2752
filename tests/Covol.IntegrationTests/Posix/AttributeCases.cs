namespace Covol.IntegrationTests.Posix;

internal static class AttributeCases
{
    public static IReadOnlyList<PosixCase> All { get; } =
    [
        new("The file mode mask takes its bits away", c =>
        {
            foreach (var mask in new uint[] { 0, 0x12, 0x3F })
            {
                c.Mask(mask);
                c.Open($"file{mask}", Libc.ReadWrite | Libc.Create, 0x1B6);
                c.MakeDirectory($"folder{mask}", 0x1FF);
                c.MakeNode($"fifo{mask}", Libc.Fifo | 0x1B6);
                c.Symlink("x", $"link{mask}");
                c.Status($"file{mask}");
                c.Status($"folder{mask}");
                c.Status($"fifo{mask}");
                c.Status($"link{mask}");
            }
        }),
        new("All twelve bits of a mode are kept", c =>
        {
            c.Make("file");
            c.MakeDirectory("folder");
            foreach (var mode in new uint[] { 0, 0x1FF, 0xFFF, 0x800, 0x400, 0x200, 0x124 })
            {
                c.ChangeMode("file", mode);
                c.Status("file");
                c.ChangeMode("folder", mode);
                c.Status("folder");
            }

            c.ChangeMode("missing", 0);
        }),
        new("A change of mode or owner changes the change time only", c =>
        {
            c.Make("file");
            var before = c.StatusOf("file");
            c.ChangeMode("file", 0x1ED);
            LinkCases.Changes(c, before, "file");
            before = c.StatusOf("file");
            c.ChangeOwner("file", 5, 6);
            LinkCases.Changes(c, before, "file");
            c.Status("file");
            c.ChangeOwner("file", uint.MaxValue, 7);
            c.ChangeOwner("file", 8, uint.MaxValue);
            c.ChangeOwner("file", uint.MaxValue - 1, uint.MaxValue - 1);
            c.Status("file");
        }),
        new("A change of owner takes set-id bits of programs away", c =>
        {
            foreach (var mode in new uint[] { 0x9ED, 0x5ED, 0xDED, 0x5A4, 0x9A4 })
            {
                c.Make($"file{mode:x}");
                c.ChangeMode($"file{mode:x}", mode);
                c.ChangeOwner($"file{mode:x}", 1001, 1001);
                c.Status($"file{mode:x}");
            }

            c.MakeDirectory("folder");
            c.ChangeMode("folder", 0xDED);
            c.ChangeOwner("folder", 1001, 1001);
            c.Status("folder");
        }),
        new("What is made in a set-group-id folder has its group", c =>
        {
            c.MakeDirectory("folder");
            c.ChangeOwner("folder", 0, 1234);
            c.ChangeMode("folder", 0x5FF);
            c.Make("folder/file");
            c.MakeDirectory("folder/below");
            c.Symlink("x", "folder/link");
            c.MakeNode("folder/fifo", Libc.Fifo | 0x1A4);
            c.MakeDirectory("folder/below/deeper");
            c.Status("folder/file");
            c.Status("folder/below");
            c.Status("folder/link");
            c.Status("folder/fifo");
            c.Status("folder/below/deeper");
        }),
        new("Times are set to 100 ns, now, or not at all", c =>
        {
            c.Make("file");
            c.SetTimes("file", (1_000_000_000, 123_456_700), (1_500_000_000, 987_654_300));
            Times(c);
            c.SetTimes("file", (null, 0), (1_600_000_000, 100));
            Times(c);
            c.SetTimes("file", (1_700_000_000, 0), (null, 0));
            Times(c);
            c.SetTimes("file", (-86_400, 0), (-1, 999_999_900));
            Times(c);
            c.SetTimes("file", (4_102_444_800, 0), (10_000_000_000, 0));
            Times(c);
            var before = c.StatusOf("file");
            c.SetTimes("file", (0, Libc.TimeNow), (0, Libc.TimeNow));
            c.Say("now", c.StatusOf("file") is { } then && then.Modified.Seconds > 1_700_000_000 && then.Modified.Seconds < 4_102_444_800);
            c.Say("changed", c.StatusOf("file")?.Changed.IsAfter(before!.Value.Changed));
            c.SetTimes("file", (0, 1_000_000_000), (0, 0));
            c.SetTimes("missing", (0, 0), (0, 0));
        }),
        new("The time of birth stays as it is", c =>
        {
            c.Make("file");
            var born = c.StatusOf("file");
            c.Say("there", (born?.Mask & 0x800) != 0);
            c.SetTimes("file", (1000, 0), (1000, 0));
            c.Truncate("file", 3);
            c.Rename("file", "other");
            var then = c.StatusOf("other");
            c.Say("as it was", (then?.Born.Seconds, then?.Born.Nanoseconds) == (born?.Born.Seconds, born?.Born.Nanoseconds));
        }),
        new("A write changes modification and change time, a read neither", c =>
        {
            c.Make("file");
            var file = c.Open("file", Libc.ReadWrite);
            var before = c.StatusOf("file");
            c.Read(file, 0, 3);
            LinkCases.Changes(c, before, "file");
            c.Write(file, 0, "x");
            LinkCases.Changes(c, before, "file");
            before = c.StatusOf("file");
            c.Truncate(file, 2);
            LinkCases.Changes(c, before, "file");
            before = c.StatusOf("file");
            c.Truncate(file, 2);
            LinkCases.Changes(c, before, "file");
        }),
        new("A folder changes with its entries", c =>
        {
            c.MakeDirectory("folder");
            Step(c, () => c.Make("folder/file"));
            Step(c, () => c.MakeDirectory("folder/below"));
            Step(c, () => c.Symlink("x", "folder/link"));
            Step(c, () => c.Link("folder/file", "folder/hard"));
            Step(c, () => c.Rename("folder/file", "folder/moved"));
            Step(c, () => c.Unlink("folder/moved"));
            Step(c, () => c.RemoveDirectory("folder/below"));
            Step(c, () => c.ReadAll("folder/hard"));
        }),
        new("A file's size is what was written, and it takes room", c =>
        {
            c.Make("empty", "");
            c.Make("file", new string('x', 10_000));
            c.Status("empty");
            c.Status("file");
            c.Say("empty takes none", c.StatusOf("empty")?.Blocks == 0);
            c.Say("file takes some", c.StatusOf("file")?.Blocks is >= 20 and < 100);
        }),
    ];

    private static void Times(Caller c)
    {
        if (c.StatusOf("file") is { } status)
        {
            var (accessed, modified) = (status.Accessed, status.Modified);
            c.Say("times", $"{accessed.Seconds}.{accessed.Nanoseconds} {modified.Seconds}.{modified.Nanoseconds}");
        }
    }

    private static void Step(Caller c, Action work)
    {
        var before = c.StatusOf("folder");
        work();
        LinkCases.Changes(c, before, "folder");
    }
}
