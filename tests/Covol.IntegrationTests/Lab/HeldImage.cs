using System.Diagnostics;

namespace Covol.IntegrationTests.Lab;

/// <summary>A QEMU that has an image open for a guest's writing, with QEMU's image locks. The guest never starts.</summary>
internal sealed class HeldImage : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);
    private readonly Process _process;

    public HeldImage(string path)
    {
        _process = Process.Start(new ProcessStartInfo("qemu-system-x86_64", Arguments(path))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        }) ?? throw new InvalidOperationException("QEMU could not be started.");
    }

    /// <summary>The same machine for both nodes; its monitor is on standard input and output.</summary>
    public static string[] Arguments(string path) =>
    [
        "-S", "-M", "pc", "-accel", "tcg", "-m", "64", "-nodefaults", "-no-user-config", "-display", "none", "-qmp", "stdio",
        "-drive", $"file={path},format=raw,if=virtio,cache=none",
    ];

    /// <summary>The monitor greets only after the image is open and locked.</summary>
    public async Task OpenedAsync()
    {
        using var deadline = new CancellationTokenSource(s_limit);
        if (await _process.StandardOutput.ReadLineAsync(deadline.Token) is not { } greeting || !greeting.Contains("QMP", StringComparison.Ordinal))
        {
            throw new InvalidOperationException("QEMU ended instead of opening the image.");
        }
    }

    /// <summary>Killed, as in an accident: its locks must go with it.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        using var deadline = new CancellationTokenSource(s_limit);
        await _process.WaitForExitAsync(deadline.Token);
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
    }
}
