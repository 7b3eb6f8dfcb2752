using System.Text;
using Covol.IntegrationTests.Fuse;
using Covol.IntegrationTests.Support;
using Shouldly;
using Xunit;

namespace Covol.IntegrationTests.Posix;

/// <summary>Where a volume differs from the test's local file system: its own limits, and what it does not do, which it says.</summary>
[Collection(nameof(PosixTests))]
public sealed class VolumeOnlyTests
{
    private readonly PosixTests.World _world;

    public VolumeOnlyTests(PosixTests.World world) => _world = world;

    [NeedsFact(Machine.Root, Machine.Fuse, "mkntfs")]
    public async Task What_a_volume_does_not_do_is_refused_as_not_supported()
    {
        var told = await TellAsync(0, c =>
        {
            c.Make("file", new string('x', 10_000));
            var file = c.Open("file", Libc.ReadWrite);
            c.Allocate(file, Libc.CollapseRange, 0, 4_096);
            c.Allocate(file, Libc.InsertRange, 0, 4_096);
            c.SetAttribute("file", "system.posix_acl_access", [2, 0, 0, 0]);
            c.GetAttribute("file", "system.posix_acl_access");
            c.SetAttribute("file", "unknown.space", "x"u8);
            c.Read(file, 0, 4);
            c.Status("file");
        });

        Results(told)[^7..].ShouldBe(
            [.. Enumerable.Repeat("EOPNOTSUPP", 5), "'xxxx'", "100644 owner 0:0 links 1 size 10000"], customMessage: told);
    }

    [NeedsTheory(Machine.Root, Machine.Fuse, "mkntfs", "setfacl", "getfacl", "cp")]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Setfacl_hears_that_lists_of_access_are_not_supported_and_getfacl_shows_the_mode(int node)
    {
        var file = Path.Combine((await _world.NodesAsync()).Roots[node], Guid.NewGuid().ToString("n"));
        await File.WriteAllTextAsync(file, "text");

        var refused = await Should.ThrowAsync<InvalidOperationException>(RealProgram.RunAsync("setfacl", "-m", "u:nobody:r", file));

        refused.Message.ShouldContain($"setfacl: {file}: Operation not supported");
        (await RealProgram.RunAsync("getfacl", "--omit-header", "--absolute-names", file)).Trim().ShouldBe("user::rw-\ngroup::r--\nother::r--");
        await RealProgram.RunAsync("cp", "-a", file, $"{file}-copy");
        File.GetUnixFileMode($"{file}-copy").ShouldBe(File.GetUnixFileMode(file));
    }

    [NeedsTheory(Machine.Root, Machine.Fuse, "mkntfs")]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Attributes_may_have_64_kibibytes_each_small_and_large_ones_beside_each_other(int node)
    {
        var told = await TellAsync(node, c =>
        {
            c.Make("file");
            c.SetAttribute("file", "user.big", Filled('v', 65_536));
            c.SetAttribute("file", "trusted.big", Filled('t', 65_536));
            c.SetAttribute("file", "user.small", "small"u8);
            c.GetAttribute("file", "user.big");
            c.GetAttribute("file", "trusted.big");
            c.SetAttribute("file", "user.big", Filled('w', 5_000), Libc.MustNotExist);
            c.SetAttribute("file", "user.big", Filled('w', 5_000), Libc.MustExist);
            c.GetAttribute("file", "user.big");
            c.ListAttributes("file");
            c.SetAttribute("file", "user.big", "small too"u8);
            c.SetAttribute("file", "user.small", Filled('s', 30_000));
            c.GetAttribute("file", "user.big");
            c.GetAttribute("file", "user.small");
            c.RemoveAttribute("file", "trusted.big");
            c.ListAttributes("file");
            c.GetAttribute("file", "user.small", 100);
            c.ReadAll("file");
        });

        told.ShouldContain("65536 bytes, 65536 alike");
        Results(told)[4..].ShouldBe(
            [
                "ok", "ok", "ok", "65536 bytes, 65536 alike", "65536 bytes, 65536 alike", "EEXIST", "ok", "5000 bytes, 5000 alike",
                "trusted.big user.big user.small", "ok", "ok", "'small too'", "30000 bytes, 30000 alike", "ok", "user.big user.small", "ERANGE",
                "ok", "'content'", "ok",
            ],
            customMessage: told);
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "mkntfs")]
    public async Task A_name_has_255_characters_whatever_they_take_in_bytes()
    {
        var longest = new string('日', 255);
        var told = await TellAsync(1, c =>
        {
            c.Make(longest, "text");
            c.ReadAll(longest);
            c.Say("listed", c.ListAll("").Count(entry => entry.Name == longest));
            c.Open(longest + "日", Libc.ReadWrite | Libc.Create);
            c.Open(longest + "日", Libc.ReadOnly);
        });

        Results(told)[^3..].ShouldBe(["1", "ENAMETOOLONG", "ENAMETOOLONG"], customMessage: told);
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "mkntfs")]
    public async Task Bytes_that_are_no_text_are_no_name()
    {
        var nodes = await _world.NodesAsync();

        // Invalid UTF-8 has no form in UTF-16, in which NTFS keeps names.
        var path = Encoding.Latin1.GetBytes($"{nodes.Roots[0]}/\xff\xfe");
        InvalidName(path).ShouldBe("EINVAL");
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "mkntfs")]
    public async Task What_one_node_does_the_other_sees_at_once()
    {
        var nodes = await _world.NodesAsync();
        var folder = Guid.NewGuid().ToString("n");
        var (here, there) = (Path.Combine(nodes.Roots[0], folder), Path.Combine(nodes.Roots[1], folder));
        Directory.CreateDirectory(here);
        for (var turn = 0; turn < 30; turn++)
        {
            var (writer, reader) = turn % 2 == 0 ? (here, there) : (there, here);
            await File.WriteAllTextAsync($"{writer}/file", $"turn {turn}");
            (await File.ReadAllTextAsync($"{reader}/file")).ShouldBe($"turn {turn}");
            File.Move($"{reader}/file", $"{reader}/moved");
            Directory.GetFiles(writer).Select(Path.GetFileName).ShouldBe(["moved"]);
            File.SetUnixFileMode($"{writer}/moved", (UnixFileMode)(turn % 2 == 0 ? 0x180 : 0x1A4));
            File.GetUnixFileMode($"{reader}/moved").ShouldBe(File.GetUnixFileMode($"{writer}/moved"));
            File.Delete($"{writer}/moved");
            File.Exists($"{reader}/moved").ShouldBeFalse();
        }
    }

    private async Task<string> TellAsync(int node, Action<Caller> calls)
    {
        var root = (await _world.NodesAsync()).Roots[node];
        return Caller.Tell(Directory.CreateDirectory(Path.Combine(root, Guid.NewGuid().ToString("n"))).FullName, calls);
    }

    private static byte[] Filled(char with, int length) => [.. Enumerable.Repeat((byte)with, length)];

    private static string[] Results(string told) =>
    [
        .. told.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line[(line.IndexOf(" = ", StringComparison.Ordinal) + 3)..]),
    ];

    private static unsafe string InvalidName(byte[] path)
    {
        fixed (byte* text = (byte[])[.. path, 0])
        {
            return Libc.OpenBytes(text, Libc.ReadWrite | Libc.Create, 0x1A4) < 0
                ? ErrorNames.Of(System.Runtime.InteropServices.Marshal.GetLastPInvokeError())
                : "ok";
        }
    }
}
