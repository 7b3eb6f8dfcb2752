using System.Diagnostics;
using System.Globalization;

namespace Covol.Simulation;

/// <summary>A worker, and the next one when it dies: it has failed its seed then. For one thread.</summary>
internal sealed class WorkerProcess : IDisposable
{
    private Process? _process;
    private Thread? _listening;
    private string _said = "";

    public SeedResult Run(int seed, string rules)
    {
        var process = _process ??= Start();
        try
        {
            process.StandardInput.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{seed} {rules}"));
            process.StandardInput.Flush();
        }
        catch (IOException)
        {
            // It has died; what it said is read below.
            return Died(seed);
        }

        return process.StandardOutput.ReadLine() is { } line ? Worker.Parse(line) : Died(seed);
    }

    public void Dispose()
    {
        if (_process is not null)
        {
            _process.StandardInput.Close();
            End();
        }
    }

    private SeedResult Died(int seed)
    {
        End();
        var reason = _said.Split('\n').FirstOrDefault(line => line.Trim().Length > 0)?.Trim() ?? "no reason was given";
        return new SeedResult(seed, $"the process ended: {reason}", 0, 0, 0);
    }

    private Process Start()
    {
        var process = Process.Start(new ProcessStartInfo("dotnet", [typeof(WorkerProcess).Assembly.Location, "worker"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,

            // 64 MiB: a world makes garbage fast and keeps little.
            Environment = { ["DOTNET_GCgen0size"] = "4000000" },
        })!;
        _listening = new Thread(() => _said = process.StandardError.ReadToEnd()) { Name = "worker's errors" };
        _listening.Start();
        return process;
    }

    private void End()
    {
        _process!.WaitForExit();
        _listening!.Join();
        _process.Dispose();
        _process = null;
    }
}
