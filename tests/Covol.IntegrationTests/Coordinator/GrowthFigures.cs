using System.Text.Json;
using Covol.IntegrationTests.Lab;
using Covol.IntegrationTests.Support;
using Shouldly;
using Xunit;

namespace Covol.IntegrationTests.Coordinator;

/// <summary>
/// The measurement of growth, small: it checks by itself that layouts were granted, recalled, found and reclaimed, and fails where they were not.
/// </summary>
public sealed class GrowthFigures
{
    [NeedsFact("mkntfs")]
    public async Task Growth_is_measured_with_a_figure_for_each_count_of_sessions_open_files_and_extents()
    {
        var file = Path.Combine(Path.GetTempPath(), $"covol-growth-{Environment.ProcessId}.json");
        try
        {
            var (status, output, error) = await CovolCommand.ProgramAsync(
                "dotnet", [CovolCommand.Program("Covol.Growth", "Covol.Growth.dll"), "--quick", "--json", file]);

            status.ShouldBe(0, error);
            using var report = JsonDocument.Parse(await File.ReadAllTextAsync(file));
            var figures = report.RootElement.GetProperty("figures").EnumerateArray()
                .Select(figure => (
                    Grows: figure.GetProperty("grows").GetString(),
                    Count: figure.GetProperty("count").GetInt32(),
                    Value: figure.GetProperty("value").GetDouble()))
                .ToArray();
            figures.ShouldAllBe(figure => figure.Value > 0);
            figures.Select(figure => (figure.Grows, figure.Count)).Distinct().ShouldBe(
            [
                ("sessions", 1), ("sessions", 3), ("open files", 20), ("open files", 40), ("extents", 20), ("extents", 2_000),
            ], ignoreOrder: true);
            output.ShouldContain("| a cut that recalls everybody's layout, µs |");
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task An_option_that_growth_does_not_have_is_refused()
    {
        var (status, _, error) = await CovolCommand.ProgramAsync(
            "dotnet", [CovolCommand.Program("Covol.Growth", "Covol.Growth.dll"), "--sessions"]);

        status.ShouldBe(2);
        error.ShouldContain("'--sessions' is not known");
    }
}
