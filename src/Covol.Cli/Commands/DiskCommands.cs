using System.CommandLine;
using Covol.Cli.Contracts;
using Covol.Cli.Disks;

namespace Covol.Cli.Commands;

/// <summary>Disk files: what <c>qemu-img</c> does, with the options Covol needs.</summary>
internal static class DiskCommands
{
    private static readonly string[] s_formats = ["vhd", "raw", "qcow2"];

    private static readonly Argument<string> s_path = new("PATH") { Description = "The disk file." };

    private static Option<string> Format { get; } = BuildFormat();

    public static Command Build() => new("disk", "Virtual disks.") { BuildCreate(), BuildInfo(), BuildConvert() };

    private static Option<string> BuildFormat()
    {
        var format = new Option<string>("--format")
        {
            Description = "vhd (fixed), raw or qcow2.",
            HelpName = string.Join('|', s_formats),
            DefaultValueFactory = _ => "vhd",
        };
        return format.AcceptOnlyFromAmong(s_formats);
    }

    private static Command BuildCreate()
    {
        var size = new Option<string>("--size") { Description = "Its size, e.g. 40G.", Required = true, HelpName = "SIZE" };
        return new Command("create", "Makes an empty disk.") { s_path, size, Format }.Runs(async (parsed, cancellation) =>
        {
            var bytes = ByteSize.Parse(parsed.GetRequiredValue(size));
            await MakeAsync(
                parsed,
                parsed.GetRequiredValue(s_path),
                path => Progress.Standard.WhileAsync($"making {path}", CreateAsync(parsed, path, bytes, cancellation)),
                cancellation);
        });
    }

    /// <summary>Disks of a fixed size get all their room now: a guest must not find its volume full later.</summary>
    private static async Task CreateAsync(ParseResult parsed, string path, long bytes, CancellationToken cancellation)
    {
        await QemuImg.ReadAsync(["create", .. Options(parsed, "-f"), path, $"{bytes}"], cancellation);
        if (parsed.GetRequiredValue(Format) is "vhd" or "raw")
        {
            DiskFile.Allocate(path);
        }
    }

    private static Command BuildInfo() => new Command("info", "What a disk file is.") { s_path }.Runs(async (parsed, cancellation) =>
    {
        var disk = await DiskFile.DescribeAsync(parsed.GetRequiredValue(s_path), cancellation);
        Common.Answer(parsed, disk, CliJson.Indented.DiskView, () => Table.Write(
            Console.Out,
            [disk],
            ("Path", view => view.Path),
            ("Format", view => view.Format),
            ("Size", view => ByteSize.Show(view.VirtualBytes)),
            ("On disk", view => ByteSize.Show(view.AllocatedBytes)),
            ("Usable", view => view.Usable ? "yes" : "no"),
            ("Reason", view => view.Reason)));
    });

    private static Command BuildConvert()
    {
        var target = new Argument<string>("TARGET") { Description = "The new disk file." };
        return new Command("convert", "Copies a disk into another format, e.g. a dynamic VHD or VHDX into a fixed VHD.")
        {
            s_path, target, Format,
        }.Runs(async (parsed, cancellation) =>
        {
            var source = DiskFile.AsSource(parsed.GetRequiredValue(s_path));

            // qemu-img draws with carriage returns, which only a terminal understands.
            var draws = !Console.IsOutputRedirected && Common.Format(parsed) == OutputFormat.Table;
            await MakeAsync(
                parsed,
                parsed.GetRequiredValue(target),
                path =>
                {
                    string[] words = ["convert", "-t", "none", .. Options(parsed, "-O"), .. source, path];
                    return draws
                        ? QemuImg.DrawAsync([words[0], "-p", .. words[1..]], cancellation)
                        : Progress.Standard.WhileAsync($"copying into {path}", QemuImg.ReadAsync(words, cancellation));
                },
                cancellation);
        });
    }

    /// <summary>Makes a file that is not there yet, or nothing: a half-made one is removed.</summary>
    private static async Task MakeAsync(ParseResult parsed, string path, Func<string, Task> make, CancellationToken cancellation)
    {
        if (Path.Exists(path))
        {
            throw new CommandException($"{path} exists already; remove it first or choose another name.");
        }

        if (!Directory.Exists(Path.GetDirectoryName(Path.GetFullPath(path))))
        {
            throw new CommandException($"The folder of {path} does not exist; a disk goes below a node's ClusterStorage/<volume>.");
        }

        try
        {
            await make(path);
        }
        catch
        {
            File.Delete(path);
            throw;
        }

        var disk = await DiskFile.DescribeAsync(path, cancellation);
        Common.Answer(
            parsed, disk, CliJson.Indented.DiskView, () => Console.WriteLine($"{path} is made: {disk.Format}, {ByteSize.Show(disk.VirtualBytes)}."));
    }

    /// <summary>force_size keeps a VHD's exact size instead of rounding it up to a CHS geometry.</summary>
    private static string[] Options(ParseResult parsed, string formatFlag) => parsed.GetRequiredValue(Format) switch
    {
        "vhd" => [formatFlag, "vpc", "-o", "subformat=fixed,force_size=on"],
        var format => [formatFlag, format],
    };
}
