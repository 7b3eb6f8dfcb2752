using Covol.Tests.House;
using Shouldly;
using Xunit;

namespace Covol.Tests.Migration;

/// <summary>Each way a live migration can go, as a text that can be read. To write the effects anew after a change of the
/// machine, run
/// with COVOL_REWRITE_SCENARIOS=1 and read the difference.</summary>
public sealed class MigrationScenarios
{
    private const string Folder = "tests/Covol.Tests/Migration/Scenarios";

    public static TheoryData<string> Names =>
        new(Repository.Files(Folder, "*.txt").Select(file => Path.GetFileNameWithoutExtension(file)).Order());

    [Theory]
    [MemberData(nameof(Names))]
    public void A_migration_goes_as_its_scenario_says(string name)
    {
        var file = Path.Combine(Repository.Root, Folder, $"{name}.txt");
        var written = File.ReadAllText(file);

        var played = MigrationScenario.Play(written);

        if (Environment.GetEnvironmentVariable("COVOL_REWRITE_SCENARIOS") == "1")
        {
            File.WriteAllText(file, played);
        }

        played.ShouldBe(written);
    }
}
