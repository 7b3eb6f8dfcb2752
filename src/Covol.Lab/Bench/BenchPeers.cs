using System.Diagnostics;

namespace Covol.Lab.Bench;

/// <summary>
/// Other programs of this machine that serve a file system or a disk through FUSE, over files beside the LUN: ntfs-3g and QEMU's storage
/// daemon. <see cref="Dispose"/> unmounts and ends them.
/// </summary>
internal sealed class BenchPeers : IDisposable
{
    private const long ImageBytes = 4L << 30;
    private static readonly TimeSpan s_startLimit = TimeSpan.FromSeconds(20);
    private readonly string _folder;
    private readonly List<Process> _running = [];
    private readonly List<BenchTarget> _targets = [];

    private BenchPeers(string folder) => _folder = folder;

    public IReadOnlyList<BenchTarget> Targets => _targets;

    /// <summary>What is not installed is left out; <paramref name="progress"/> is told.</summary>
    public static async Task<BenchPeers> StartAsync(string folder, long fileBytes, Action<string> progress, CancellationToken cancellation)
    {
        var peers = new BenchPeers($"{folder}/peers");
        try
        {
            Directory.CreateDirectory(peers._folder);
            foreach (var (name, package, start) in ((string, string, Func<Task>)[])
                [
                    ("ntfs-3g", "ntfs-3g", () => peers.StartNtfsAsync(cancellation)),
                    ("qemu-storage-daemon", "qemu-system-common", () => peers.StartExportAsync(fileBytes, cancellation)),
                ])
            {
                if (LabRequirements.Has(name))
                {
                    await start().ConfigureAwait(false);
                }
                else
                {
                    progress($"{name} is left out: it is not installed ('apt-get install {package}').");
                }
            }

            return peers;
        }
        catch
        {
            peers.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        LabMounts.Unmount($"{_folder}/");
        foreach (var process in _running)
        {
            if (!process.HasExited)
            {
                process.Kill();
                process.WaitForExit();
            }

            process.Dispose();
        }

        Directory.Delete(_folder, recursive: true);
    }

    private async Task StartNtfsAsync(CancellationToken cancellation)
    {
        var (image, point) = ($"{_folder}/ntfs.img", $"{_folder}/ntfs");
        MakeFile(image, ImageBytes);
        Directory.CreateDirectory(point);
        using (var format = Start("mkntfs", ["-F", "-Q", "-q", image]))
        {
            await format.WaitForExitAsync(cancellation).ConfigureAwait(false);
            if (format.ExitCode != 0)
            {
                throw new LabException($"mkntfs could not format {image}; its status is {format.ExitCode}.");
            }
        }

        _running.Add(Start("ntfs-3g", ["-o", "no_detach", image, point]));
        await MountedAsync(point, cancellation).ConfigureAwait(false);
        _targets.Add(new BenchTarget("ntfs-3g", [point], null, []));
    }

    private async Task StartExportAsync(long bytes, CancellationToken cancellation)
    {
        var (image, point) = ($"{_folder}/disk.img", $"{_folder}/disk");
        await FioRun.PrepareAsync(image, bytes, cancellation).ConfigureAwait(false);
        MakeFile(point, 0);
        _running.Add(Start(
            "qemu-storage-daemon",
            [
                "--blockdev", $"driver=file,node-name=disk,filename={image},cache.direct=on,aio=io_uring",
                "--export", $"type=fuse,id=export,node-name=disk,mountpoint={point},writable=on",
            ]));
        await MountedAsync(point, cancellation).ConfigureAwait(false);
        _targets.Add(new BenchTarget("qemu-storage-daemon", [], point, []));
    }

    private static void MakeFile(string path, long bytes)
    {
        using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write);
        file.SetLength(bytes);
    }

    private static Process Start(string program, string[] arguments) =>
        Process.Start(new ProcessStartInfo(program, arguments)) ?? throw new LabException($"{program} could not be started.");

    private async Task MountedAsync(string point, CancellationToken cancellation)
    {
        var process = _running[^1];
        await Wait.UntilAsync(
            TimeProvider.System,
            s_startLimit,
            () => process.HasExited
                ? throw new LabException($"What should serve {point} ended with status {process.ExitCode}.")
                : Task.FromResult(LabMounts.IsMounted(point) ? null : $"{point} is not mounted"),
            cancellation).ConfigureAwait(false);
    }
}
