using Covol.Lun;
using Covol.Ntfs;
using Covol.Protocol.Control;
using Microsoft.Extensions.Logging;

namespace Covol.Coordinator;

/// <summary>Checks a LUN that no node uses (<c>covold check</c>).</summary>
public static class VolumeCheck
{
    /// <summary>
    /// Reads only; what the journal holds is taken from there. Refuses, with a sentence in an <see cref="IOException"/>, a LUN that somebody is
    /// registered on, unless <paramref name="force"/>: then what is being written just now may look like damage.
    /// </summary>
    public static async Task<CheckResult> RunAsync(string lunUri, bool force, ILoggerFactory loggers)
    {
        ArgumentNullException.ThrowIfNull(loggers);
        using var lun = LunContents.Open(LunUri.Parse(lunUri), loggers);
        using var thread = new MetadataThread("check");
        return await thread.RunAsync(() =>
        {
            if (!force && lun.ReadKeys().Count > 0)
            {
                throw new IOException(
                    $"{lunUri} is in use by a node: check it by the volume's name there. If the node is dead, add --force; "
                    + "nothing is written either way.");
            }

            var start = TimeProvider.System.GetTimestamp();
            var report = VolumeChecker.CheckAtRest(lun);
            return CheckResults.Of(report, TimeProvider.System.GetElapsedTime(start));
        });
    }
}
