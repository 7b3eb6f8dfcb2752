using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Covol.Protocol.Ids;

namespace Covol.IntegrationTests.Lun;

/// <summary>A child process that has a LUN open and a key registered. Ended with the test.</summary>
internal sealed partial class LunChild : IDisposable
{
    private const int SignalContinue = 18;
    private const int SignalStop = 19;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private readonly Process _process;

    private LunChild(Process process, ReservationKey key)
    {
        _process = process;
        Key = key;
    }

    public ReservationKey Key { get; }

    public bool HasExited => _process.HasExited;

    public static async Task<LunChild> StartAsync(string mode, string lunPath, ulong key)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            ArgumentList =
            {
                "exec", typeof(LunChild).Assembly.Location, mode, lunPath, key.ToString(CultureInfo.InvariantCulture),
            },
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        var child = new LunChild(Process.Start(start)!, new ReservationKey(key));
        child._process.StandardInput.AutoFlush = true;
        try
        {
            await child.HearAsync(LunChildProgram.Ready);
            return child;
        }
        catch
        {
            child.Dispose();
            throw;
        }
    }

    public async Task HearAsync(string word)
    {
        using var patience = new CancellationTokenSource(s_patience);
        var heard = await _process.StandardOutput.ReadLineAsync(patience.Token);
        if (heard != word)
        {
            throw new InvalidOperationException($"The child said '{heard}' where '{word}' was expected.");
        }
    }

    /// <summary>An idle child tries one I/O and says how that went.</summary>
    public async Task AskForIoAsync() => await _process.StandardInput.WriteLineAsync();

    public void Stop() => Signal(SignalStop);

    public void Continue() => Signal(SignalContinue);

    /// <summary>SIGKILL, and waited for as waitpid does.</summary>
    public async Task<int> KillAsync()
    {
        _process.Kill();
        return await ExitCodeAsync();
    }

    public async Task<int> ExitCodeAsync()
    {
        using var patience = new CancellationTokenSource(s_patience);
        await _process.WaitForExitAsync(patience.Token);
        return _process.ExitCode;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit(s_patience);
        }

        _process.Dispose();
    }

    private void Signal(int signal)
    {
        if (Kill(_process.Id, signal) != 0)
        {
            throw new InvalidOperationException($"Signal {signal} could not be sent to the child.");
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int process, int signal);
}
