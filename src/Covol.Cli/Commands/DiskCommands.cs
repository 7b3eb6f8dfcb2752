using System.CommandLine;
using System.Diagnostics;

namespace Covol.Cli.Commands;

/// <summary>Disk files: what <c>qemu-img</c> does, with the options Covol needs.</summary>
internal static class DiskCommands
{
    private static readonly Argument<string> s_path = new("PATH") { Description = "The disk file." };

    private static Option<DiskFormat> Format { get; } = new("--format")
    {
        Description = "vhd (fixed), raw or qcow2.",
        DefaultValueFactory = _ => DiskFormat.Vhd,
    };

    public static Command Build() => new("disk", "Virtual disks.") { BuildCreate(), BuildInfo(), BuildConvert() };

    private static Command BuildCreate()
    {
        var size = new Option<string>("--size") { Description = "Its size, e.g. 40G.", Required = true, HelpName = "SIZE" };
        return new Command("create", "Makes an empty disk.") { s_path, size, Format }.Runs(async (parsed, cancellation) =>
        {
            var path = parsed.GetRequiredValue(s_path);
            if (File.Exists(path))
            {
                throw new CommandException($"{path} exists already; remove it first or choose another name.");
            }

            await RunAsync(["create", .. Options(parsed), path, $"{ByteSize.Parse(parsed.GetRequiredValue(size))}"], quiet: true, cancellation);
            Console.WriteLine($"{path} is made.");
        });
    }

    private static Command BuildInfo() => new Command("info", "What a disk file is.") { s_path }.Runs((parsed, cancellation) => RunAsync(
        ["info", $"--output={(Common.Format(parsed) == OutputFormat.Json ? "json" : "human")}", parsed.GetRequiredValue(s_path)],
        quiet: false,
        cancellation));

    private static Command BuildConvert()
    {
        var target = new Argument<string>("TARGET") { Description = "The new disk file." };
        return new Command("convert", "Copies a disk into another format, e.g. a dynamic VHD or VHDX into a fixed VHD.")
        {
            s_path, target, Format,
        }.Runs(async (parsed, cancellation) =>
        {
            var path = parsed.GetRequiredValue(target);
            if (File.Exists(path))
            {
                throw new CommandException($"{path} exists already; remove it first or choose another name.");
            }

            var progress = Console.IsOutputRedirected ? Array.Empty<string>() : ["-p"];
            await RunAsync(
                ["convert", .. progress, "-t", "none", .. Options(parsed, "-O"), parsed.GetRequiredValue(s_path), path],
                quiet: false,
                cancellation);
            Console.WriteLine($"{path} is made.");
        });
    }

    /// <summary>force_size keeps a VHD's exact size instead of rounding it up to a CHS geometry.</summary>
    private static string[] Options(ParseResult parsed, string formatFlag = "-f") => parsed.GetValue(Format) switch
    {
        DiskFormat.Vhd => [formatFlag, "vpc", "-o", "subformat=fixed,force_size=on"],
        DiskFormat.Raw => [formatFlag, "raw"],
        DiskFormat.Qcow2 => [formatFlag, "qcow2"],
        var other => throw new InvalidOperationException($"Unknown disk format {other}."),
    };

    private static async Task RunAsync(string[] arguments, bool quiet, CancellationToken cancellation)
    {
        var start = new ProcessStartInfo("qemu-img", arguments) { RedirectStandardOutput = quiet, RedirectStandardError = true };
        Process process;
        try
        {
            process = Process.Start(start) ?? throw new CommandException("qemu-img could not be started.");
        }
        catch (System.ComponentModel.Win32Exception failure)
        {
            throw new CommandException("qemu-img is not installed: 'apt-get install qemu-utils'.", failure);
        }

        using (process)
        {
            var output = quiet ? process.StandardOutput.ReadToEndAsync(cancellation) : Task.FromResult(string.Empty);
            var error = await process.StandardError.ReadToEndAsync(cancellation);
            await output;
            await process.WaitForExitAsync(cancellation);
            if (process.ExitCode != 0)
            {
                throw new CommandException(error.Trim() is { Length: > 0 } words ? words : $"qemu-img ended with status {process.ExitCode}.");
            }
        }
    }

    private enum DiskFormat
    {
        Vhd,
        Raw,
        Qcow2,
    }
}
