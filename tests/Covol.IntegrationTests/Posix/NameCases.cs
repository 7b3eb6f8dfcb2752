namespace Covol.IntegrationTests.Posix;

internal static class NameCases
{
    public static IReadOnlyList<PosixCase> All { get; } =
    [
        new("A name that is taken is not made again", c =>
        {
            c.Make("file");
            c.MakeDirectory("folder");
            c.Symlink("nowhere", "link");
            foreach (var name in new[] { "file", "folder", "link" })
            {
                c.MakeDirectory(name);
                c.Open(name, Libc.WriteOnly | Libc.Create | Libc.Exclusive);
                c.Symlink("x", name);
                c.MakeNode(name, Libc.Regular | 0x1A4);
            }
        }),
        new("A folder that is not empty is not removed, and a file is no folder", c =>
        {
            c.MakeDirectory("folder");
            c.Make("folder/file");
            c.RemoveDirectory("folder");
            c.Unlink("folder");
            c.RemoveDirectory("folder/file");
            c.RemoveDirectory("missing");
            c.Unlink("missing");
            c.RemoveDirectory("folder/.");
            c.RemoveDirectory("folder/..");
            c.Unlink("folder/file");
            c.RemoveDirectory("folder");
            c.Status("folder");
        }),
        new("A path leads through folders only", c =>
        {
            c.Make("file");
            c.Open("file/below", Libc.ReadOnly);
            c.MakeDirectory("file/below");
            c.Status("file/below");
            c.Status("missing/below");
            c.Open("missing/below", Libc.ReadWrite | Libc.Create);
            c.Open("file", Libc.ReadOnly | Libc.Directory);
            c.Open("file/", Libc.ReadOnly);
            c.Unlink("file/");
        }),
        new("A folder is not opened for writing", c =>
        {
            c.MakeDirectory("folder");
            c.Open("folder", Libc.WriteOnly);
            c.Open("folder", Libc.ReadWrite);
            c.Open("folder", Libc.ReadOnly | Libc.Create);
            c.Truncate("folder", 0);
            var folder = c.Open("folder", Libc.ReadOnly);
            c.Read(folder, 0, 10);
            c.Synchronize(folder);
        }),
        new("Names have up to 255 bytes", c =>
        {
            c.Make(new string('n', 255));
            c.MakeDirectory(new string('d', 255));
            c.Make($"{new string('d', 255)}/{new string('n', 255)}");
            c.Status(new string('n', 255));
            c.Unlink(new string('n', 255));
            c.FileSystemStatus();
        }),
        new("A longer name is refused by every call", c =>
        {
            var name = new string('n', 256);
            c.Make("file");
            c.Open(name, Libc.ReadOnly);
            c.Open(name, Libc.ReadWrite | Libc.Create);
            c.MakeDirectory(name);
            c.Symlink("x", name);
            c.Link("file", name);
            c.Rename("file", name);
            c.Unlink(name);
            c.Status(name);
            c.MakeDirectory(new string('m', 2000));
            c.Status(string.Concat(Enumerable.Repeat("a/", 2100)));
        }),
        new("Names keep every character, case and form", c =>
        {
            string[] names =
            [
                "Abc", "abc", "é", "e\u0301", "日本語", "😀", "a b", " lead", "trail ", "trail.", "con", "a:b", "a\\b", "q?*<>|\"",
                "tab\t", "\u0001",
            ];
            c.MakeDirectory("folder");
            foreach (var name in names)
            {
                c.Make($"folder/{name}", name);
            }

            foreach (var name in names)
            {
                c.ReadAll($"folder/{name}");
            }

            c.Say("listed", string.Join('/', c.ListAll("folder").Select(entry => entry.Name).Order(StringComparer.Ordinal)));
        }),
        new("Opening makes, truncates and excludes as it is told", c =>
        {
            c.Open("file", Libc.ReadWrite);
            var made = c.Open("file", Libc.ReadWrite | Libc.Create, 0x1B6);
            c.Write(made, 0, "hello");
            c.Status("file");
            c.Open("file", Libc.ReadWrite | Libc.Create | Libc.Exclusive);
            c.Open("file", Libc.ReadWrite | Libc.Create);
            c.ReadAll("file");
            c.Open("file", Libc.WriteOnly | Libc.Truncated);
            c.Status("file");
            c.Open("file", Libc.ReadOnly | Libc.NoFollow);
        }),
        new("An open descriptor's access is kept to", c =>
        {
            c.Make("file");
            var reader = c.Open("file", Libc.ReadOnly);
            var writer = c.Open("file", Libc.WriteOnly);
            c.Write(reader, 0, "x");
            c.Read(writer, 0, 1);
            c.Truncate(reader, 0);
            c.Allocate(reader, 0, 0, 100);
            c.Truncate(writer, 3);
            c.ReadAll("file");
        }),
        new("A file without a name is used until it is closed", c =>
        {
            c.Make("file", "still here");
            var file = c.Open("file", Libc.ReadWrite);
            c.Unlink("file");
            c.Status(file);
            c.Read(file, 0, 100);
            c.Write(file, 10, " and longer");
            c.Truncate(file, 15);
            c.Read(file, 0, 100);
            c.Status(file);
            c.Synchronize(file);
            c.LinkOpen(file, "again");
            c.Make("file", "another");
            c.Read(file, 0, 100);
            c.ReadAll("file");
        }),
        new("Nothing is put into a folder that was removed", c =>
        {
            c.MakeDirectory("folder");
            var folder = c.Open("folder", Libc.ReadOnly | Libc.Directory);
            c.RemoveDirectory("folder");
            c.OpenAt(folder, "file", Libc.ReadWrite | Libc.Create);
            c.OpenAt(folder, "missing", Libc.ReadOnly);
            c.Say("entries", c.List(folder).Count);
            c.MakeDirectory("folder");
            c.Make("folder/file");
            c.OpenAt(folder, "file", Libc.ReadOnly);
        }),
    ];
}
