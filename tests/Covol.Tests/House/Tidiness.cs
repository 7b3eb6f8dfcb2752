using System.Text.RegularExpressions;
using Shouldly;
using Xunit;

namespace Covol.Tests.House;

/// <summary>Rules of docs/STYLE.md that a compiler does not keep.</summary>
public sealed partial class Tidiness
{
    private const int LinesMax = 700;
    private const int ColumnsMax = 150;

    public static TheoryData<string> Sources => new(
        Repository.Files("src", "*.cs").Concat(Repository.Files("tests", "*.cs"))
            .Select(file => Path.GetRelativePath(Repository.Root, file)));

    [Theory]
    [MemberData(nameof(Sources))]
    public void A_source_file_stays_readable(string file)
    {
        var lines = File.ReadAllLines(Path.Combine(Repository.Root, file));

        lines.Length.ShouldBeLessThanOrEqualTo(LinesMax);
        lines.Where(line => line.Length > ColumnsMax).ShouldBeEmpty();
        lines.Where(line => Unfinished().IsMatch(line)).ShouldBeEmpty();
    }

    [Fact]
    public void No_class_is_called_a_helper()
    {
        var vague = Repository.Files("src", "*.cs")
            .SelectMany(file => VagueName().Matches(File.ReadAllText(file)).Select(match => match.Value));

        vague.ShouldBeEmpty();
    }

    [Fact]
    public void The_pure_project_stays_pure()
    {
        var impure = Repository.Files("src/Covol.Protocol", "*.cs")
            .Where(file => Impure().IsMatch(File.ReadAllText(file)))
            .Select(Path.GetFileName);

        impure.ShouldBeEmpty();
    }

    [GeneratedRegex(@"\b(TO" + "DO|FIX" + "ME|HA" + "CK|XX" + "X|NotImplemented" + @"Exception)\b")]
    private static partial Regex Unfinished();

    [GeneratedRegex(@"\b(class|struct|record) \w+(Manager|Helper|Util|Utils)\b")]
    private static partial Regex VagueName();

    [GeneratedRegex(@"\b(System\.Threading|Task\b|Stopwatch|File\.(Open|Read|Write)|Sockets\b|ILogger|TimeProvider|Random\b|Guid\.NewGuid)")]
    private static partial Regex Impure();
}
