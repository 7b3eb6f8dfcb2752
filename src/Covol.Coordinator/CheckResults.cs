using Covol.Ntfs;
using Covol.Protocol.Control;

namespace Covol.Coordinator;

/// <summary>What goes out of a check's report: it has to fit one line of the control protocol, also with the longest names.</summary>
internal static class CheckResults
{
    /// <summary>A character of a name takes up to six bytes in JSON; a line has 256 KiB.</summary>
    private const int CharactersMax = 36_000;

    public static CheckResult Of(CheckReport report, TimeSpan took)
    {
        var (findings, characters) = (new List<CheckFinding>(), 0);
        foreach (var finding in report.Findings)
        {
            var view = new CheckFinding(finding.Code, finding.Where, finding.What, finding.Advice);
            characters += view.Where.Length + view.What.Length + view.Advice.Length + view.Code.Length;
            if (characters > CharactersMax)
            {
                break;
            }

            findings.Add(view);
        }

        return new CheckResult(
            findings,
            report.Omitted + report.Findings.Count - findings.Count,
            report.Skipped,
            report.Files,
            report.Directories,
            report.BytesRead,
            report.ReplayedPages,
            (long)took.TotalMilliseconds);
    }
}
