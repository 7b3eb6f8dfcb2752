using System.Diagnostics;

namespace Covol.IntegrationTests.Lab;

/// <summary>A qemu-io process that keeps an image open for writing, with QEMU's image locks.</summary>
internal sealed class HeldImage : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);
    private readonly Process _process;

    public HeldImage(string path)
    {
        _process = Process.Start(new ProcessStartInfo("qemu-io", ["-f", "raw", path])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        }) ?? throw new InvalidOperationException("qemu-io could not be started.");
    }

    /// <summary>Its first command is answered only after the image is open and locked.</summary>
    public async Task OpenedAsync()
    {
        await _process.StandardInput.WriteLineAsync("length");
        await _process.StandardInput.FlushAsync();
        using var deadline = new CancellationTokenSource(s_limit);
        while (await _process.StandardOutput.ReadLineAsync(deadline.Token) is { } line)
        {
            if (line.Contains("MiB", StringComparison.Ordinal))
            {
                return;
            }
        }

        throw new InvalidOperationException("qemu-io ended instead of opening the image.");
    }

    public async Task CloseAsync()
    {
        await _process.StandardInput.WriteLineAsync("quit");
        await _process.StandardInput.FlushAsync();
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
