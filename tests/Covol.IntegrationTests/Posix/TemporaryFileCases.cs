namespace Covol.IntegrationTests.Posix;

internal static class TemporaryFileCases
{
    public static IReadOnlyList<PosixCase> All { get; } =
    [
        new("A file without a name gets one when it is finished", c =>
        {
            c.MakeDirectory("folder");
            var file = c.Open("folder", Libc.ReadWrite | Libc.Temporary, 0x1B6);
            c.Write(file, 0, "unfinished");
            c.Status(file);
            c.Say("names", c.ListAll("folder").Count);
            c.LinkOpen(file, "folder/finished");
            c.Status(file);
            c.ReadAll("folder/finished");
            c.LinkOpen(file, "folder/finished");
            c.LinkOpen(file, "folder/second");
            c.Status("folder/second");
            c.Unlink("folder/finished");
            c.Unlink("folder/second");
            c.Status(file);
            c.LinkOpen(file, "folder/third");
            c.RemoveDirectory("folder");
        }),
        new("A temporary file that stays one gets no name", c =>
        {
            c.MakeDirectory("folder");
            var file = c.Open("folder", Libc.ReadWrite | Libc.Temporary | Libc.Exclusive);
            c.Write(file, 0, "gone");
            c.LinkOpen(file, "folder/never");
            c.Read(file, 0, 10);
            c.Open("folder", Libc.ReadOnly | Libc.Temporary);
            c.Make("plain");
            c.Open("plain", Libc.ReadWrite | Libc.Temporary);
            c.Close(file);
            c.RemoveDirectory("folder");
        }),
    ];
}
