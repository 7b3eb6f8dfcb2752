using System.Diagnostics;
using Shouldly;

namespace Covol.IntegrationTests.Support;

/// <summary>A file as a block device of the kernel's, detached when disposed. Needs root and free loop devices.</summary>
internal sealed class LoopDevice : IDisposable
{
    private LoopDevice(string path) => Path = path;

    public string Path { get; }

    /// <param name="file">What it shows.</param>
    /// <param name="sector">Its blocks, in bytes.</param>
    /// <param name="offset">The first byte that it shows.</param>
    public static LoopDevice Attach(string file, int sector = 512, long offset = 0) =>
        new(Run("losetup", "--find", "--show", "--sector-size", $"{sector}", "--offset", $"{offset}", file).Trim());

    public void Dispose() => Run("losetup", "--detach", Path);

    /// <summary>Runs a program to its end; answers what it printed.</summary>
    public static string Run(string program, params string[] arguments)
    {
        var path = new[] { "/usr/sbin", "/usr/bin", "/sbin", "/bin" }.Select(folder => System.IO.Path.Combine(folder, program)).First(File.Exists);
        using var process = Process.Start(new ProcessStartInfo(path, arguments) { RedirectStandardOutput = true }).ShouldNotBeNull();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        process.ExitCode.ShouldBe(0, $"{program} {string.Join(' ', arguments)}: {output}");
        return output;
    }
}
