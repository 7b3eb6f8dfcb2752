using Covol.IntegrationTests.Support;
using Covol.Lab;
using Shouldly;

namespace Covol.IntegrationTests.Lab;

/// <summary>What a lab started is the lab's from that moment on, also while it still becomes the program that it is to be.</summary>
public sealed class StartedProcesses
{
    private const int Starts = 100;
    private const int SignalKill = 9;

    [NeedsFact("setsid")]
    public void A_process_is_found_as_soon_as_it_is_started()
    {
        var folder = Directory.CreateTempSubdirectory("covol-started-").FullName;
        try
        {
            for (var start = 1; start <= Starts; start++)
            {
                LabProcesses.StartDetached($"{folder}/log", folder, ["sleep", $"{60 + start}"]);
                LabProcesses.Of(folder).Count(process => process.Command.EndsWith($" {60 + start}", StringComparison.Ordinal))
                    .ShouldBe(1, $"of start {start}");
                foreach (var (id, _) in LabProcesses.Of(folder))
                {
                    LabProcesses.Signal(id, SignalKill);
                }
            }
        }
        finally
        {
            foreach (var (id, _) in LabProcesses.Of(folder))
            {
                LabProcesses.Signal(id, SignalKill);
            }

            Directory.Delete(folder, recursive: true);
        }
    }
}
