namespace Covol.IntegrationTests.Posix;

internal static class ExtendedAttributeCases
{
    public static IReadOnlyList<PosixCase> All { get; } =
    [
        new("Attributes of a user are kept, replaced, listed and removed", c =>
        {
            c.Make("file");
            c.ListAttributes("file");
            c.SetAttribute("file", "user.one", "first"u8);
            c.SetAttribute("file", "user.two", "second"u8);
            c.SetAttribute("file", "user.One", "another case"u8);
            c.SetAttribute("file", "user.empty", []);
            c.SetAttribute("file", "user.one", "replaced"u8);
            c.GetAttribute("file", "user.one");
            c.GetAttribute("file", "user.One");
            c.GetAttribute("file", "user.empty");
            c.GetAttribute("file", "user.missing");
            c.ListAttributes("file");
            c.RemoveAttribute("file", "user.one");
            c.RemoveAttribute("file", "user.one");
            c.GetAttribute("file", "user.one");
            c.ListAttributes("file");
            c.Rename("file", "moved");
            c.GetAttribute("moved", "user.two");
        }),
        new("An attribute is only made, or only replaced, where that is asked", c =>
        {
            c.Make("file");
            c.SetAttribute("file", "user.a", "1"u8, Libc.MustExist);
            c.SetAttribute("file", "user.a", "2"u8, Libc.MustNotExist);
            c.SetAttribute("file", "user.a", "3"u8, Libc.MustNotExist);
            c.SetAttribute("file", "user.a", "4"u8, Libc.MustExist);
            c.GetAttribute("file", "user.a");
        }),
        new("Too little room for an attribute is told, and how much is needed", c =>
        {
            c.Make("file");
            c.SetAttribute("file", "user.a", "12345"u8);
            c.GetAttribute("file", "user.a", 0);
            c.GetAttribute("file", "user.a", 4);
            c.GetAttribute("file", "user.a", 5);
        }),
        new("Names and places of attributes have their rules", c =>
        {
            c.Make("file");
            c.MakeDirectory("folder");
            c.Symlink("file", "link");
            c.MakeNode("fifo", Libc.Fifo | 0x1A4);
            c.SetAttribute("folder", "user.a", "1"u8);
            c.GetAttribute("folder", "user.a");
            c.SetAttribute("link", "user.a", "1"u8);
            c.SetAttribute("fifo", "user.a", "1"u8);
            c.SetAttribute("link", "trusted.a", "1"u8);
            c.GetAttribute("link", "trusted.a");
            c.SetAttribute("file", "user.", "1"u8);
            c.SetAttribute("file", "nothing.a", "1"u8);
            c.SetAttribute("file", "noname", "1"u8);
            c.SetAttribute("file", $"user.{new string('n', 250)}", "1"u8);
            c.SetAttribute("file", $"user.{new string('n', 251)}", "1"u8);
            c.GetAttribute("file", $"user.{new string('n', 250)}");
            c.GetAttribute("missing", "user.a");
        }),
        new("Attributes of a trusted program are seen by such programs only", c =>
        {
            c.Make("file");
            c.ChangeMode("file", 0x1B6);
            c.SetAttribute("file", "trusted.a", "secret"u8);
            c.GetAttribute("file", "trusted.a");
            c.SetAttribute("file", "user.a", "open"u8);
            c.ListAttributes("file");
            c.SetAttribute("file", "security.test", "label"u8);
            c.GetAttribute("file", "security.test");
            c.ActAs(1001, 1002);
            c.GetAttribute("file", "trusted.a");
            c.SetAttribute("file", "trusted.a", "x"u8);
            c.SetAttribute("file", "user.a", "changed"u8);
            c.GetAttribute("file", "user.a");
        }),
        new("Setting an attribute changes the change time only", c =>
        {
            c.Make("file");
            var before = c.StatusOf("file");
            c.SetAttribute("file", "user.a", "1"u8);
            LinkCases.Changes(c, before, "file");
            before = c.StatusOf("file");
            c.RemoveAttribute("file", "user.a");
            LinkCases.Changes(c, before, "file");
        }),
    ];
}
