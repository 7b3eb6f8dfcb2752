using Covol.Lun;
using Covol.Ntfs;
using Covol.Protocol.Units;
using Microsoft.Extensions.Logging;

namespace Covol.Coordinator;

/// <summary>Makes a new, empty volume on a LUN (<c>covold format</c>).</summary>
public static class VolumeFormat
{
    /// <summary>
    /// Formats. With <paramref name="size"/> the file of a <c>file:</c> LUN is made first where it is not there. Refuses, with a
    /// sentence in an <see cref="IOException"/>, a LUN that somebody is registered on, and one that holds something already (see
    /// <see cref="LunContents"/>) unless <paramref name="overwrite"/>.
    /// </summary>
    public static async Task RunAsync(string lunUri, ByteCount? size, string label, bool overwrite, ILoggerFactory loggers)
    {
        ArgumentNullException.ThrowIfNull(loggers);
        var uri = LunUri.Parse(lunUri);
        if (size is { } wanted && !File.Exists(uri.Path))
        {
            FileLun.CreateBacking(uri.Path, wanted);
        }

        using var lun = LunContents.Open(uri, loggers);
        using var thread = new MetadataThread(label);
        await thread.RunAsync(() =>
        {
            if (lun.ReadKeys().Count > 0)
            {
                throw new IOException($"{lunUri} is in use by a node; remove the volume there first. Nothing was changed.");
            }

            if (!overwrite && LunContents.Of(lun) is { } found)
            {
                throw new IOException(
                    $"{lunUri} holds {found} already. Nothing was changed. To lose what is on it, add --force; to keep it, name another LUN.");
            }

            NtfsFormatter.Format(lun, new NtfsFormatOptions { Label = label });
            lun.Flush();
        });
    }
}
