namespace Covol.IntegrationTests.Posix;

internal static class SpecialFileCases
{
    public static IReadOnlyList<PosixCase> All { get; } =
    [
        new("Pipes, sockets and devices keep kind, mode, owner and number", c =>
        {
            c.MakeNode("pipe", Libc.Fifo | 0x1A4);
            c.MakeNode("socket", Libc.Socket | 0x1ED);
            c.MakeNode("null", Libc.CharacterDevice | 0x1B6, 1, 3);
            c.MakeNode("disk", Libc.BlockDevice | 0x180, 253, 70_000);
            c.MakeNode("big", Libc.CharacterDevice | 0x180, 4_000, 1_000_000);
            c.MakeNode("file", Libc.Regular | 0x1A4);
            c.MakeNode("plain", 0x1A4);
            c.MakeNode("folder", 0x4000 | 0x1A4);
            c.MakeNode("wrong", 0x7000 | 0x1A4);
            foreach (var name in new[] { "pipe", "socket", "null", "disk", "big", "file", "plain" })
            {
                c.ChangeOwner(name, 12, 34);
                c.ChangeMode(name, 0x190);
                c.Status(name);
            }
        }),
        new("A socket is not opened and special files have no data", c =>
        {
            c.MakeNode("socket", Libc.Socket | 0x1ED);
            c.MakeNode("pipe", Libc.Fifo | 0x1ED);
            c.Open("socket", Libc.ReadOnly);
            c.Truncate("socket", 0);
            c.Truncate("pipe", 0);
            c.Open("pipe", Libc.WriteOnly | 0x800);
            var pipe = c.Open("pipe", Libc.ReadWrite);
            c.Read(pipe, 0, 1);
        }),
        new("Special files have names, links and times like others", c =>
        {
            c.MakeNode("pipe", Libc.Fifo | 0x1ED);
            c.Link("pipe", "second");
            c.Rename("pipe", "moved");
            c.Status("second");
            c.SetTimes("second", (10, 0), (20, 0));
            c.Say("modified", c.StatusOf("moved")?.Modified.Seconds);
            c.Unlink("second");
            c.Status("moved");
            c.Unlink("moved");
        }),
    ];
}
