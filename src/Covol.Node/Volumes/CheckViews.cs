using Covol.Api.Contracts;
using Covol.Protocol.Control;

namespace Covol.Node.Volumes;

/// <summary>A coordinator's words for a check, and the API's.</summary>
public static class CheckViews
{
    /// <param name="volume">Null for a check of a LUN.</param>
    /// <param name="lun">Its URI.</param>
    /// <param name="result">What was found.</param>
    public static CheckView Of(string? volume, string lun, CheckResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        return new CheckView(
            volume,
            lun,
            result.Findings.Count == 0 && result.Omitted == 0,
            [.. result.Findings.Select(finding => new FindingView(finding.Code, finding.Where, finding.What, finding.Advice))],
            result.Omitted,
            result.Skipped,
            result.Files,
            result.Directories,
            result.BytesRead,
            result.ReplayedPages,
            result.Milliseconds);
    }
}
