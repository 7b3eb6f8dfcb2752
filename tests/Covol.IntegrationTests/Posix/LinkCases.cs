namespace Covol.IntegrationTests.Posix;

internal static class LinkCases
{
    public static IReadOnlyList<PosixCase> All { get; } =
    [
        new("A hard link is another name of the same file", c =>
        {
            c.MakeDirectory("folder");
            c.Make("one", "text");
            c.Link("one", "folder/two");
            c.Status("one");
            c.Say("same inode", c.StatusOf("one")?.Inode == c.StatusOf("folder/two")?.Inode);
            c.Truncate("folder/two", 2);
            c.ReadAll("one");
            c.Unlink("one");
            c.Status("folder/two");
            c.ReadAll("folder/two");
        }),
        new("Links that cannot be are refused", c =>
        {
            c.Make("file");
            c.MakeDirectory("folder");
            c.Link("folder", "other");
            c.Link("file", "folder");
            c.Link("file", "file");
            c.Link("missing", "other");
            c.Link("file", "missing/other");
            c.Link("file", "file/other");
        }),
        new("A link changes the change time and not the modification time", c =>
        {
            c.Make("file");
            var before = c.StatusOf("file");
            c.Link("file", "other");
            Changes(c, before, "file");
            before = c.StatusOf("other");
            c.Unlink("file");
            Changes(c, before, "other");
            before = c.StatusOf("other");
            c.Rename("other", "third");
            Changes(c, before, "third");
        }),
        new("A symbolic link keeps its target, whatever it is", c =>
        {
            string[] targets =
            [
                "a", "/absolute/path", "../../up", "ünïcode/日本", "a//b/./c/", new string('t', 255),
                string.Join('/', Enumerable.Repeat("long", 800)),
            ];
            for (var n = 0; n < targets.Length; n++)
            {
                c.Symlink(targets[n], $"link{n}");
                c.ReadLink($"link{n}");
                c.Status($"link{n}");
            }

            c.Symlink("", "empty");
            c.Make("file");
            c.ReadLink("file");
            c.ReadLink("missing");
        }),
        new("A symbolic link leads where it points", c =>
        {
            c.MakeDirectory("folder");
            c.Make("folder/file", "text");
            c.Symlink("folder", "way");
            c.Symlink("folder/file", "direct");
            c.ReadAll("way/file");
            c.ReadAll("direct");
            c.Status("direct", follow: true);
            c.Open("direct", Libc.ReadOnly | Libc.NoFollow);
            c.Open("way", Libc.ReadOnly | Libc.Directory | Libc.NoFollow);
            c.Symlink("made", "dangling");
            c.Open("dangling", Libc.ReadOnly);
            c.Open("dangling", Libc.ReadWrite | Libc.Create | Libc.Exclusive);
            c.Open("dangling", Libc.ReadWrite | Libc.Create);
            c.Status("made");
            c.Unlink("direct");
            c.Status("folder/file");
            c.RemoveDirectory("way");
        }),
        new("Links that lead in a circle are found out", c =>
        {
            c.Symlink("b", "a");
            c.Symlink("a", "b");
            c.Symlink("self", "self");
            c.Open("a", Libc.ReadOnly);
            c.Open("self", Libc.ReadWrite | Libc.Create);
            c.Status("self", follow: true);
            c.Truncate("a", 0);
            c.Status("self");
        }),
        new("A hard link to a symbolic link is one to the link itself", c =>
        {
            c.Symlink("target", "one");
            c.Link("one", "two");
            c.Status("two");
            c.ReadLink("two");
        }),
        new("Owner and times of a symbolic link are its own", c =>
        {
            c.Make("file");
            c.Symlink("file", "link");
            c.ChangeOwner("link", 1001, 1002, follow: false);
            c.SetTimes("link", (1000, 0), (2000, 500), follow: false);
            c.Status("link");
            c.Status("file");
            var link = c.StatusOf("link");
            c.Say("times", $"{link?.Accessed.Seconds} {link?.Modified.Seconds}.{link?.Modified.Nanoseconds}");
            c.ChangeOwner("link", 1003, 1003);
            c.Status("link");
            c.Status("file");
        }),
    ];

    internal static void Changes(Caller c, Libc.Statx? before, string name)
    {
        if (before is { } first && c.StatusOf(name) is { } then)
        {
            c.Say($"{name} changed", then.Changed.IsAfter(first.Changed));
            c.Say($"{name} modified", then.Modified.IsAfter(first.Modified));
        }
    }
}
