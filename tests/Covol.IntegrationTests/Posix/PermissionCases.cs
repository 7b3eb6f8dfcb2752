namespace Covol.IntegrationTests.Posix;

internal static class PermissionCases
{
    private const uint User = 1001;
    private const uint Group = 1002;

    public static IReadOnlyList<PosixCase> All { get; } =
    [
        new("What a user makes is the user's", c =>
        {
            c.MakeDirectory("open");
            c.ChangeMode("open", 0x1FF);
            c.ActAs(User, Group);
            c.Make("open/file");
            c.MakeDirectory("open/folder");
            c.Symlink("x", "open/link");
            c.MakeNode("open/fifo", Libc.Fifo | 0x1A4);
            c.MakeNode("open/device", Libc.CharacterDevice | 0x1A4, 1, 3);
            c.Status("open/file");
            c.Status("open/folder");
            c.Status("open/link");
            c.Status("open/fifo");
        }),
        new("Permission bits are kept to", c =>
        {
            c.MakeDirectory("closed");
            c.Make("closed/file");
            c.ChangeMode("closed", 0x1C0);
            c.MakeDirectory("fixed");
            c.Make("fixed/file");
            c.ChangeMode("fixed", 0x16D);
            c.Make("secret");
            c.ChangeMode("secret", 0x180);
            c.Make("readable");
            c.ActAs(User, Group);
            c.Open("closed/file", Libc.ReadOnly);
            c.Open("closed", Libc.ReadOnly);
            c.Status("closed/file");
            c.Open("fixed/new", Libc.ReadWrite | Libc.Create);
            c.MakeDirectory("fixed/new");
            c.Unlink("fixed/file");
            c.Rename("fixed/file", "fixed/other");
            c.Open("secret", Libc.ReadOnly);
            c.Open("readable", Libc.ReadOnly);
            c.Open("readable", Libc.ReadWrite);
            c.Truncate("readable", 0);
            c.Access("secret", 4);
            c.Access("readable", 4);
            c.Access("readable", 2);
            c.Access("readable", 1);
            c.Access("missing", 0);
        }),
        new("Only the owner changes mode, owner and times", c =>
        {
            c.Make("others");
            c.ChangeMode("others", 0x1B6);
            c.Make("own");
            c.ChangeOwner("own", User, Group);
            c.ActAs(User, Group);
            c.ChangeMode("others", 0x1FF);
            c.ChangeOwner("others", User, Group);
            c.SetTimes("others", (1, 0), (1, 0));
            c.SetTimes("others", (0, Libc.TimeNow), (0, Libc.TimeNow));
            c.ChangeMode("own", 0x1FF);
            c.ChangeOwner("own", 0, uint.MaxValue);
            c.ChangeOwner("own", uint.MaxValue, 0);
            c.ChangeOwner("own", User, Group);
            c.SetTimes("own", (1, 0), (1, 0));
            c.Status("own");
        }),
        new("In a sticky folder names are their owners'", c =>
        {
            c.MakeDirectory("sticky");
            c.ChangeMode("sticky", 0x3FF);
            c.Make("sticky/roots");
            c.Make("sticky/other");
            c.ChangeOwner("sticky/other", 2000, 2000);
            c.ActAs(User, Group);
            c.Make("sticky/own");
            c.Unlink("sticky/roots");
            c.Rename("sticky/other", "sticky/moved");
            c.Rename("sticky/own", "sticky/other");
            c.Rename("sticky/own", "sticky/moved");
            c.Unlink("sticky/moved");
        }),
        new("A user's write or cut takes set-id bits away", c =>
        {
            foreach (var mode in new uint[] { 0x9FF, 0x5FF, 0xDFF })
            {
                foreach (var way in new[] { "write", "cut", "truncated", "grown" })
                {
                    c.Make($"{way}{mode:x}");
                    c.ChangeMode($"{way}{mode:x}", mode);
                }
            }

            c.ActAs(User, Group);
            foreach (var mode in new uint[] { 0x9FF, 0x5FF, 0xDFF })
            {
                var file = c.Open($"write{mode:x}", Libc.ReadWrite);
                c.Write(file, 0, "x");
                c.Status($"write{mode:x}");
                c.Truncate($"cut{mode:x}", 2);
                c.Status($"cut{mode:x}");
                c.Open($"truncated{mode:x}", Libc.WriteOnly | Libc.Truncated);
                c.Status($"truncated{mode:x}");
                var grown = c.Open($"grown{mode:x}", Libc.ReadWrite | Libc.Append);
                c.Write(grown, 0, "more");
                c.Status($"grown{mode:x}");
            }
        }),
        new("A user's change of mode drops a foreign group's set-group-id bit", c =>
        {
            c.Make("file");
            c.ChangeOwner("file", User, 4321);
            c.ActAs(User, Group);
            c.ChangeMode("file", 0x5ED);
            c.Status("file");
        }),
        new("A user gets no foreign group's bit from a set-group-id folder", c =>
        {
            c.MakeDirectory("folder");
            c.ChangeOwner("folder", 0, 4321);
            c.ChangeMode("folder", 0x5FF);
            c.ActAs(User, Group);
            c.Mask(0);
            c.Make("folder/file", mode: 0x5FF);
            c.MakeDirectory("folder/below", 0x1FF);
            c.Status("folder/file");
            c.Status("folder/below");
        }),
    ];
}
