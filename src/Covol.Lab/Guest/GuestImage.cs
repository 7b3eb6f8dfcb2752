using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;

namespace Covol.Lab.Guest;

/// <summary>
/// The guest of the demo and the tests: Debian's cloud kernel and an initial RAM disk of busybox, the virtio drivers and
/// <c>covol-guest.c</c>. Built once on this machine and kept by kernel version and source hash; apt is the only thing that uses
/// the network.
/// </summary>
public sealed record GuestImage(string Kernel, string InitialRamDisk)
{
    public const int DefaultBlocks = 4096;
    public const int BlockBytes = 4096;

    private const string MetaPackage = "linux-image-cloud-amd64";

    // virtio needs virtio_ring first; a wrong order leaves the guest without a disk.
    private static readonly string[] s_modules =
    [
        "virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "virtio_blk", "button", "evdev",
        "pvpanic", "pvpanic-pci",
    ];

    private static readonly string[] s_busyboxPlaces = ["/bin/busybox", "/usr/bin/busybox"];
    private static readonly string[] s_folders = ["bin", "dev", "modules", "proc", "sys"];

    /// <summary>The kernel's command line: a write every <paramref name="periodMs"/> to one of <paramref name="blocks"/>
    /// blocks.</summary>
    public static string Append(int periodMs = 10, int blocks = DefaultBlocks) =>
        $"console=ttyS0 quiet panic=-1 tsc=reliable per={periodMs} blocks={blocks}";

    /// <summary>Gives the image from <paramref name="cacheFolder"/>, building it first if needed (seconds, once). Several may
    /// ask at the
    /// same time, from several processes. Throws <see cref="GuestImageException"/>.</summary>
    public static async Task<GuestImage> BuildAsync(string cacheFolder, CancellationToken cancellation)
    {
        Directory.CreateDirectory(cacheFolder);
        var source = Source("covol-guest.c");
        var init = Source("init.sh");
        using var buildLock = await LockAsync(Path.Combine(cacheFolder, "lock"), cancellation).ConfigureAwait(false);

        var recipe = Encoding.UTF8.GetBytes($"{source}\0{init}\0{string.Join(' ', s_modules)}\0{BusyboxStamp()}");
        var stamp = Convert.ToHexStringLower(SHA256.HashData(recipe))[..16];
        string package;
        try
        {
            package = await FindPackageAsync(cacheFolder, cancellation).ConfigureAwait(false);
        }
        catch (GuestImageException) when (FindBuilt(cacheFolder, $"*-{stamp}") is { } built)
        {
            // Without apt's lists a kernel that was fetched before is as good as the newest.
            return built;
        }

        if (FindBuilt(cacheFolder, $"{package}-{stamp}") is { } image)
        {
            return image;
        }

        var folder = Path.Combine(cacheFolder, $"{package}-{stamp}");
        var work = Path.Combine(cacheFolder, "work");
        Delete(work);
        Directory.CreateDirectory(work);
        try
        {
            await BuildAsync(package, work, source, init, cancellation).ConfigureAwait(false);

            // Made whole under another name: a build that was cut short is never taken for an image.
            Delete(folder);
            Directory.Move(Path.Combine(work, "out"), folder);
            return In(folder);
        }
        finally
        {
            Delete(work);
        }
    }

    private static GuestImage In(string folder) => new(Path.Combine(folder, "vmlinuz"), Path.Combine(folder, "initrd.gz"));

    private static GuestImage? FindBuilt(string cacheFolder, string pattern) =>
        Directory.GetDirectories(cacheFolder, pattern).Order(StringComparer.Ordinal).Select(In)
            .LastOrDefault(image => File.Exists(image.Kernel) && File.Exists(image.InitialRamDisk));

    private static async Task BuildAsync(string package, string work, string source, string init, CancellationToken cancellation)
    {
        await BuildCommand.RunAsync(
            work, $"The kernel package {package} could not be fetched. Run 'apt-get update' as root and see that apt reaches its server",
            ["apt-get", "download", "-q", package], cancellation).ConfigureAwait(false);
        var archive = Directory.GetFiles(work, "*.deb").Single();
        var unpacked = Path.Combine(work, "kernel");
        await BuildCommand.RunAsync(
            work, $"The kernel package {package} could not be unpacked", ["dpkg-deb", "-x", archive, unpacked], cancellation)
            .ConfigureAwait(false);

        await File.WriteAllTextAsync(Path.Combine(work, "covol-guest.c"), source, cancellation).ConfigureAwait(false);
        await BuildCommand.RunAsync(
            work, "The guest's workload could not be compiled. Install the packages gcc and libc6-dev",
            ["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-o", "covol-guest", "covol-guest.c"], cancellation)
            .ConfigureAwait(false);

        var output = Path.Combine(work, "out");
        Directory.CreateDirectory(output);
        var kernel = Directory.GetFiles(Path.Combine(unpacked, "boot"), "vmlinuz-*").Single();
        File.Copy(kernel, Path.Combine(output, "vmlinuz"));
        WriteInitramfs(Path.Combine(output, "initrd.gz"), unpacked, Path.Combine(work, "covol-guest"), init);

        // Read by the user that QEMU runs as.
        foreach (var file in Directory.GetFiles(output))
        {
            File.SetUnixFileMode(
                file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        }
    }

    private static void WriteInitramfs(string file, string unpackedKernel, string workload, string init)
    {
        var found = Directory.GetFiles(unpackedKernel, "*.ko", SearchOption.AllDirectories)
            .ToLookup(path => Path.GetFileNameWithoutExtension(path));
        using var target = new GZipStream(File.Create(file), CompressionLevel.Optimal);
        var archive = new Initramfs(target);
        foreach (var folder in s_folders)
        {
            archive.Folder(folder);
        }

        archive.Program("init", Encoding.UTF8.GetBytes(init));
        archive.Program("bin/busybox", File.ReadAllBytes(Busybox()));
        archive.Link("bin/sh", "busybox");
        archive.Program("bin/covol-guest", File.ReadAllBytes(workload));
        foreach (var module in s_modules)
        {
            var path = found[module].FirstOrDefault()
                ?? throw new GuestImageException($"The kernel package has no driver {module}; this Covol does not know that kernel.");
            archive.Program($"modules/{module}.ko", File.ReadAllBytes(path));
        }

        archive.Program("modules/order", Encoding.UTF8.GetBytes(string.Join('\n', s_modules) + "\n"));
        archive.End();
    }

    private static async Task<string> FindPackageAsync(string folder, CancellationToken cancellation)
    {
        const string hint = $"apt does not know the kernel package {MetaPackage}. Run 'apt-get update' as root";
        var answer = await BuildCommand.RunAsync(folder, hint, ["apt-cache", "depends", MetaPackage], cancellation)
            .ConfigureAwait(false);
        return answer.Split('\n').Select(line => line.Trim())
            .Where(line => line.StartsWith("Depends: linux-image-", StringComparison.Ordinal))
            .Select(line => line["Depends: ".Length..])
            .FirstOrDefault() ?? throw new GuestImageException($"{hint}.");
    }

    private static string Busybox() =>
        s_busyboxPlaces.FirstOrDefault(File.Exists)
        ?? throw new GuestImageException("The guest needs busybox. Install the package busybox-static.");

    private static string BusyboxStamp()
    {
        var file = new FileInfo(Busybox());
        return $"{file.Length} {file.LastWriteTimeUtc.Ticks}";
    }

    private static string Source(string name)
    {
        using var resource = typeof(GuestImage).Assembly.GetManifestResourceStream(name)
            ?? throw new GuestImageException($"This Covol was built without the guest's {name}.");
        using var reader = new StreamReader(resource);
        return reader.ReadToEnd();
    }

    private static async Task<FileStream> LockAsync(string path, CancellationToken cancellation)
    {
        for (var attempt = 0; attempt < 1200; attempt++)
        {
            try
            {
                // FileShare.None takes an flock, which ends with its holder.
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (attempt < 1199)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), cancellation).ConfigureAwait(false);
            }
        }

        throw new GuestImageException($"Another process has been building the guest for minutes (it holds {path}).");
    }

    private static void Delete(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
