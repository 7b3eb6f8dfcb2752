using System.Diagnostics;
using System.Formats.Tar;
using System.Globalization;

namespace Covol.Lab.Bench;

/// <summary>A tree of many small files, by the programs that people use. Speeds are files a second.</summary>
internal static class TreeRun
{
    private const int FilesPerDirectory = 100;

    /// <summary>rw-r--r-- and rwxr-xr-x.</summary>
    private const UnixFileMode FileMode = (UnixFileMode)0x1A4;

    private const UnixFileMode DirectoryMode = (UnixFileMode)0x1ED;

    /// <summary>Sizes of files, in turn: the first lies in its MFT record, the others in one to four clusters; none is a multiple of one.</summary>
    private static readonly int[] s_sizes = [200, 1_500, 3_900, 7_000, 15_000];

    private static readonly DateTimeOffset s_modified = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    /// <summary>Makes the archive, unless it is there.</summary>
    public static void Prepare(string archive, int files)
    {
        if (File.Exists(archive))
        {
            return;
        }

        using var target = new FileStream(archive, System.IO.FileMode.CreateNew, FileAccess.Write);
        using var writer = new TarWriter(target, TarEntryFormat.Ustar);
        for (var file = 0; file < files; file++)
        {
            var directory = $"tree/{file / FilesPerDirectory}";
            if (file == 0)
            {
                writer.WriteEntry(DirectoryEntry("tree"));
            }

            if (file % FilesPerDirectory == 0)
            {
                writer.WriteEntry(DirectoryEntry(directory));
            }

            var content = new byte[SizeOf(file)];
            content.AsSpan().Fill(ContentOf(file));
            writer.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, string.Create(CultureInfo.InvariantCulture, $"{directory}/file-{file}"))
            {
                Mode = FileMode,
                ModificationTime = s_modified,
                DataStream = new MemoryStream(content),
            });
        }
    }

    /// <summary>
    /// Phases 0, 1 and 2 of a round, in this order; all targets through one before the next begins, because a target of ours lists what another
    /// one unpacked.
    /// </summary>
    public static async Task<BenchFigures> MeasureAsync(
        TreeCase workload, int phase, BenchTarget target, string archive, int files, CancellationToken cancellation)
    {
        var name = workload.Phases[phase];
        var own = Tree(target, target.Name);
        switch (phase)
        {
            case 0:
                Directory.CreateDirectory(own);
                var unpacking = await TimeAsync("tar", "tar", ["-xf", archive, "-C", own, "--no-same-owner"], cancellation).ConfigureAwait(false);
                CheckContent(name, own, files);
                return Figures(name, files, unpacking.Seconds);
            case 1:
                if (target.Elsewhere is null)
                {
                    MachineCaches.Drop();
                }

                var unseen = Tree(target, target.Elsewhere?.Name ?? target.Name);
                var listing = await TimeAsync("ls", "coreutils", ["-lR", unseen], cancellation).ConfigureAwait(false);
                var seen = listing.Output.Split('\n').Count(line => line.StartsWith('-'));
                return seen == files ? Figures(name, files, listing.Seconds) : throw new LabException($"{name} listed {seen} of {files} files.");
            case 2:
                var removal = await TimeAsync("rm", "coreutils", ["-r", own], cancellation).ConfigureAwait(false);
                return !Directory.Exists(own)
                    ? Figures(name, files, removal.Seconds)
                    : throw new LabException($"{name} removed {own}, but it is still there.");
            default:
                throw new InvalidOperationException($"A tree has no phase {phase}.");
        }
    }

    /// <summary>What a round that did not end has left.</summary>
    public static void CleanUp(BenchTarget target)
    {
        if (Directory.Exists(Tree(target, target.Name)))
        {
            Directory.Delete(Tree(target, target.Name), recursive: true);
        }
    }

    private static string Tree(BenchTarget target, string maker) => $"{target.Folder}/covol-bench-tree-{maker}";

    /// <summary>Every file of the archive, as long as it should be, and what is in it for some of them.</summary>
    private static void CheckContent(string name, string tree, int files)
    {
        for (var file = 0; file < files; file++)
        {
            var path = PathOf(tree, file);
            if (new FileInfo(path) is not { Exists: true } there || there.Length != SizeOf(file)
                || (file % FilesPerDirectory == 0 && File.ReadAllBytes(path).Any(value => value != ContentOf(file))))
            {
                throw new LabException($"{name}: {path} is not what is in the archive.");
            }
        }
    }

    private static async Task<(string Output, double Seconds)> TimeAsync(
        string program, string package, string[] arguments, CancellationToken cancellation)
    {
        var start = Stopwatch.GetTimestamp();
        var output = await BenchProgram.RunAsync(program, package, arguments, cancellation).ConfigureAwait(false);
        return (output, Stopwatch.GetElapsedTime(start).TotalSeconds);
    }

    private static BenchFigures Figures(string name, int files, double seconds) => new(name, files / seconds, files, null, null);

    private static string PathOf(string top, int file) =>
        string.Create(CultureInfo.InvariantCulture, $"{top}/tree/{file / FilesPerDirectory}/file-{file}");

    private static int SizeOf(int file) => s_sizes[file % s_sizes.Length];

    private static byte ContentOf(int file) => (byte)(file + 1);

    private static UstarTarEntry DirectoryEntry(string name) =>
        new(TarEntryType.Directory, name) { Mode = DirectoryMode, ModificationTime = s_modified };
}
