namespace Covol.IntegrationTests.Posix;

internal static class DirectoryCases
{
    // More than one page of the coordinator.
    private const int Many = 530;

    public static IReadOnlyList<PosixCase> All { get; } =
    [
        new("A folder lists itself, its parent and each name once with its kind", c =>
        {
            c.MakeDirectory("folder");
            c.MakeDirectory("folder/below");
            c.Make("folder/file");
            c.Symlink("x", "folder/link");
            c.MakeNode("folder/fifo", Libc.Fifo | 0x1A4);
            c.MakeNode("folder/socket", Libc.Socket | 0x1A4);
            c.MakeNode("folder/device", Libc.CharacterDevice | 0x1A4, 1, 3);
            c.MakeNode("folder/disk", Libc.BlockDevice | 0x1A4, 7, 300);
            var listed = c.ListAll("folder");
            listed = [.. listed.OrderBy(entry => entry.Name, StringComparer.Ordinal)];
            c.Say("listed", string.Join(' ', listed.Select(entry => $"{entry.Name}:{entry.Kind}")));
            foreach (var entry in listed.Where(entry => entry.Name is not ".."))
            {
                c.Say($"inode of {entry.Name}", entry.Inode == c.StatusOf($"folder/{entry.Name}")?.Inode);
            }

            c.Say("inode of ..", listed.First(entry => entry.Name == "..").Inode == c.StatusOf("")?.Inode);
            c.Say("inode of below/..", c.ListAll("folder/below").First(entry => entry.Name == "..").Inode == c.StatusOf("folder")?.Inode);
        }),
        new("A big folder is read in pieces, each name once", c =>
        {
            Fill(c, Many);
            var directory = c.Open("many", Libc.ReadOnly | Libc.Directory);
            var names = ReadOn(c, directory, 4_096);
            c.Say("names", names.Count);
            c.Say("different", names.Distinct().Count());
        }),
        new("A listing goes on right while names come and go", c =>
        {
            Fill(c, Many);
            var directory = c.Open("many", Libc.ReadOnly | Libc.Directory);
            var first = c.List(directory, 2_048);
            for (var n = 0; n < Many; n += 3)
            {
                Quietly(c, n);
            }

            c.Make("many/aaa-new");
            var names = first.Select(entry => entry.Name).Concat(ReadOn(c, directory, 4_096)).ToList();
            c.Say("none twice", names.Count == names.Distinct().Count());
            c.Say("those that stayed", Enumerable.Range(0, Many).Count(n => n % 3 != 0 && names.Contains($"n{n:00000}")));
        }),
        new("A folder is emptied while it is read", c =>
        {
            Fill(c, Many);
            var directory = c.Open("many", Libc.ReadOnly | Libc.Directory);
            while (c.List(directory, 2_048) is { Count: > 0 } some)
            {
                foreach (var entry in some.Where(entry => entry.Name is not ("." or "..")))
                {
                    if (Libc.Unlink(c.PathOf($"many/{entry.Name}")) != 0)
                    {
                        c.Say("could not be removed", entry.Name);
                    }
                }
            }

            c.RemoveDirectory("many");
        }),
        new("Reading goes on from any position it was at", c =>
        {
            Fill(c, 200);
            var directory = c.Open("many", Libc.ReadOnly | Libc.Directory);
            var all = new List<Caller.Listed>();
            while (c.List(directory, 1_024) is { Count: > 0 } some)
            {
                all.AddRange(some);
            }

            foreach (var at in new[] { 150, 3, 77, 0 })
            {
                Libc.Seek(directory, all[at].Next, Libc.SeekSet);
                c.Say($"after {at}", c.List(directory, 1_024)[0].Name == all[at + 1].Name);
            }

            Libc.Seek(directory, all[^1].Next, Libc.SeekSet);
            c.Say("after the last", c.List(directory, 1_024).Count);
        }),
        new("Read from its start again, a folder shows what is there now", c =>
        {
            c.MakeDirectory("folder");
            c.Make("folder/one");
            var directory = c.Open("folder", Libc.ReadOnly | Libc.Directory);
            c.Say("first", string.Join(' ', ReadOn(c, directory, 4_096).Order(StringComparer.Ordinal)));
            c.Make("folder/two");
            c.Unlink("folder/one");
            Libc.Seek(directory, 0, Libc.SeekSet);
            c.Say("then", string.Join(' ', ReadOn(c, directory, 4_096).Order(StringComparer.Ordinal)));
        }),
        new("What was listed and then changed is seen as it is", c =>
        {
            c.MakeDirectory("folder");
            for (var n = 0; n < 6; n++)
            {
                c.Make($"folder/f{n}", new string('x', 1 + n));
            }

            ListAndLook(c);
            c.ChangeMode("folder/f0", 0x180);
            c.Unlink("folder/f1");
            c.Rename("folder/f2", "folder/moved");
            c.Rename("folder/f3", "folder/f4");
            c.Truncate("folder/f5", 100);
            c.SetAttribute("folder/f5", "user.new", "value"u8);
            c.Make("folder/f1", "again");
            ListAndLook(c);
            c.GetAttribute("folder/f5", "user.new");
            c.RemoveAttribute("folder/f5", "user.new");
            c.GetAttribute("folder/f5", "user.new");
        }),
        new("Room for no entry at all is an error", c =>
        {
            c.MakeDirectory("folder");
            var directory = c.Open("folder", Libc.ReadOnly | Libc.Directory);
            c.Say("entries", c.List(directory, 10).Count);
        }),
    ];

    /// <summary>As <c>ls -l</c> does, with the extended attributes that each has.</summary>
    private static void ListAndLook(Caller c)
    {
        foreach (var name in c.ListAll("folder").Select(entry => entry.Name).Where(name => name[0] != '.').Order(StringComparer.Ordinal))
        {
            c.Status($"folder/{name}");
            c.ListAttributes($"folder/{name}");
            c.GetAttribute($"folder/{name}", "user.new");
        }

        foreach (var gone in new[] { "f2", "f3" })
        {
            c.Status($"folder/{gone}");
        }
    }

    private static void Fill(Caller c, int count)
    {
        c.MakeDirectory("many");
        for (var n = 0; n < count; n++)
        {
            var file = Libc.Open(c.PathOf($"many/n{n:00000}"), Libc.WriteOnly | Libc.Create | Libc.CloseOnExec, 0x1A4);
            if (file < 0 || Libc.Close(file) != 0)
            {
                c.Say("could not be made", n);
            }
        }
    }

    private static void Quietly(Caller c, int n)
    {
        if (Libc.Unlink(c.PathOf($"many/n{n:00000}")) != 0)
        {
            c.Say("could not be removed", n);
        }
    }

    private static List<string> ReadOn(Caller c, int directory, int room)
    {
        var names = new List<string>();
        while (c.List(directory, room) is { Count: > 0 } some)
        {
            names.AddRange(some.Select(entry => entry.Name).Where(name => name is not ("." or "..")));
        }

        return names;
    }
}
