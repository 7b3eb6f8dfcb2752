namespace Covol.IntegrationTests.Posix;

internal static class RenameCases
{
    public static IReadOnlyList<PosixCase> All { get; } =
    [
        new("A rename replaces a file and keeps the one that is open", c =>
        {
            c.Make("from", "new");
            c.Make("to", "old");
            var old = c.Open("to", Libc.ReadOnly);
            c.Rename("from", "to");
            c.ReadAll("to");
            c.Read(old, 0, 10);
            c.Status(old);
            c.Status("from");
        }),
        new("A folder replaces an empty folder only", c =>
        {
            c.MakeDirectory("from");
            c.Make("from/file");
            c.MakeDirectory("empty");
            c.MakeDirectory("full");
            c.Make("full/file");
            c.Make("file");
            c.Rename("from", "full");
            c.Rename("from", "file");
            c.Rename("file", "empty");
            c.Rename("from", "empty");
            c.Status("empty/file");
            c.Rename("missing", "empty");
            c.Rename("empty", "missing/below");
            c.Rename("empty", "file/below");
        }),
        new("A folder is not moved below itself", c =>
        {
            c.MakeDirectory("a");
            c.MakeDirectory("a/b");
            c.MakeDirectory("a/b/c");
            c.Rename("a", "a/b/c/d");
            c.Rename("a", "a/b");
            c.Rename("a/b/c", "a");
            c.Rename("a/b", "a");
            c.Rename("a", "a");
            c.Rename("a/.", "x");
        }),
        new("Renaming one name of a file to another one of it does nothing", c =>
        {
            c.Make("one");
            c.Link("one", "two");
            c.Rename("one", "two");
            c.Status("one");
            c.Status("two");
        }),
        new("A rename that must not replace does not", c =>
        {
            c.Make("from", "from");
            c.Make("to", "to");
            c.Rename("from", "to", Libc.RenameNoReplace);
            c.Rename("from", "free", Libc.RenameNoReplace);
            c.Rename("missing", "other", Libc.RenameNoReplace);
            c.Rename("free", "to", Libc.RenameNoReplace | Libc.RenameExchange);
            c.ReadAll("to");
            c.ReadAll("free");
        }),
        new("Two names are exchanged, of whatever kind they are", c =>
        {
            c.Make("file", "file");
            c.MakeDirectory("folder");
            c.MakeDirectory("deep");
            c.Make("folder/inside", "inside");
            c.Symlink("nowhere", "deep/link");
            c.Rename("file", "folder", Libc.RenameExchange);
            c.ReadAll("folder");
            c.ReadAll("file/inside");
            c.Rename("file", "deep/link", Libc.RenameExchange);
            c.ReadLink("file");
            c.ReadAll("deep/link/inside");
            c.Rename("file", "missing", Libc.RenameExchange);
            c.Rename("deep", "deep/link", Libc.RenameExchange);
            c.Rename("folder", "folder", Libc.RenameExchange);
        }),
        new("A moved folder knows its new parent", c =>
        {
            c.MakeDirectory("a");
            c.MakeDirectory("b");
            c.MakeDirectory("a/x");
            c.Rename("a/x", "b/x");
            c.Say("parent", c.ListAll("b/x").First(entry => entry.Name == "..").Inode == c.StatusOf("b")?.Inode);
            c.RemoveDirectory("a");
            c.RemoveDirectory("b");
        }),
        new("Both folders of a rename change", c =>
        {
            c.MakeDirectory("a");
            c.MakeDirectory("b");
            c.Make("a/file");
            var (first, second) = (c.StatusOf("a"), c.StatusOf("b"));
            c.Rename("a/file", "b/file");
            LinkCases.Changes(c, first, "a");
            LinkCases.Changes(c, second, "b");
        }),
    ];
}
