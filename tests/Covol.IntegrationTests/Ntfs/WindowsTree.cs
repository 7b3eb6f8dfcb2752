using System.Security.Cryptography;
using System.Text;
using Covol.IntegrationTests.Support;

namespace Covol.IntegrationTests.Ntfs;

/// <summary>
/// A tree of what Windows leaves on a volume, made through a mount of ntfs-3g: streams, attributes, extended attributes, links,
/// compressed files; and everything that such a mount shows of it.
/// </summary>
internal static class WindowsTree
{
    public const string Options = "streams_interface=windows,compression,special_files=wsl,no_detach";

    private const string Attributes = "system.ntfs_attrib";
    private const string Reparse = "system.ntfs_reparse_data";
    private const string Extended = "system.ntfs_ea";

    /// <summary>FILE_ATTRIBUTE_COMPRESSED on a folder: what is made in it is compressed. Little-endian, as setfattr wants it.</summary>
    private const string Compressed = "0x00080000";

    /// <summary>Read-only, hidden, system, archive.</summary>
    private const string Hidden = "0x27000000";

    /// <summary>Mounts an image or a device while something is done below the mount point.</summary>
    public static T Mounted<T>(string image, string folder, Func<string, T> work, string options = Options)
    {
        var point = Path.Combine(folder, "mnt");
        Directory.CreateDirectory(point);
        using var mount = System.Diagnostics.Process.Start("ntfs-3g", ["-o", options, image, point]);
        var waited = System.Diagnostics.Stopwatch.StartNew();
        while (!File.ReadAllText("/proc/mounts").Contains($" {point} ", StringComparison.Ordinal))
        {
            if (mount.HasExited || waited.Elapsed > TimeSpan.FromSeconds(30))
            {
                throw new InvalidOperationException($"ntfs-3g did not mount {image}.");
            }

            mount.WaitForExit(10);
        }

        try
        {
            return work(point);
        }
        finally
        {
            LoopDevice.Run("umount", point);
            mount.WaitForExit();
        }
    }

    public static void Make(string root)
    {
        var random = new Random(7);
        for (var index = 0; index < 40; index++)
        {
            var folder = $"{root}/folder {index % 5}/nested";
            Directory.CreateDirectory(folder);
            var content = new byte[index % 3 == 0 ? index * 10 : index * 20_011];
            random.NextBytes(content);
            File.WriteAllBytes($"{folder}/file {index} ünïcode.bin", content);
        }

        var first = $"{root}/folder 0/nested/file 5 ünïcode.bin";
        LoopDevice.Run("ln", first, $"{root}/second name");
        File.CreateSymbolicLink($"{root}/symbolic", "folder 9/none");
        File.WriteAllText($"{first}:stream", "of a file");
        File.WriteAllBytes($"{root}/second name:large", RandomNumberGenerator.GetBytes(300_000));
        File.WriteAllText($"{root}/folder 1/nested/file 6 ünïcode.bin:small", "x");
        File.WriteAllText($"{root}/hidden.txt", "hidden");
        LoopDevice.Run("setfattr", "-n", Attributes, "-v", Hidden, $"{root}/hidden.txt");
        Directory.CreateDirectory($"{root}/compressed");
        LoopDevice.Run("setfattr", "-n", Attributes, "-v", Compressed, $"{root}/compressed");
        File.WriteAllText($"{root}/compressed/text", string.Concat(Enumerable.Range(0, 40_000).Select(line => $"line {line / 7}\n")));
        File.WriteAllText($"{root}/compressed/tiny", "tiny");
        using var sparse = new FileStream($"{root}/sparse", FileMode.CreateNew);
        sparse.Seek(3_000_000, SeekOrigin.Begin);
        sparse.Write("end"u8);
    }

    /// <summary>A line for each name: kind, size, SHA-256 of the data and of each stream, attributes, extended attributes, time.</summary>
    public static SortedDictionary<string, string> Describe(string root)
    {
        var lines = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var path in Directory.EnumerateFileSystemEntries(root, "*", SearchOption.AllDirectories))
        {
            var line = new StringBuilder();
            var status = new FileInfo(path);
            line.Append(status.Attributes.HasFlag(FileAttributes.Directory) ? "folder" : "file").Append(' ').Append(status.LinkTarget).Append(' ');
            if (status.LinkTarget is null)
            {
                line.Append(status.LastWriteTimeUtc.Ticks).Append(' ');
                line.Append(Value(path, Attributes)).Append(' ').Append(Value(path, Reparse)).Append(' ').Append(Value(path, Extended));
                AddData(line, path);
            }

            lines[path[(root.Length + 1)..]] = line.ToString();
        }

        return lines;
    }

    private static void AddData(StringBuilder line, string path)
    {
        if (Directory.Exists(path))
        {
            return;
        }

        foreach (var stream in (string[])["", ":stream", ":large", ":small"])
        {
            if (File.Exists(path + stream))
            {
                line.Append(' ').Append(stream).Append(Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(path + stream))));
            }
        }
    }

    /// <summary>An extended attribute in hexadecimal; empty where there is none.</summary>
    public static string Value(string path, string name)
    {
        using var process = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo(
            "getfattr", ["--only-values", "-h", "--absolute-names", "-n", name, path])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        using var output = new MemoryStream();
        process.StandardOutput.BaseStream.CopyTo(output);
        process.WaitForExit();
        return Convert.ToHexString(output.ToArray());
    }
}
