using Covol.Lun;
using Covol.Ntfs;
using Covol.Protocol.Units;
using Microsoft.Extensions.Logging;

namespace Covol.Coordinator;

/// <summary>Makes a new, empty volume on a LUN (<c>covold format</c>).</summary>
public static class VolumeFormat
{
    /// <summary>Where the boot sector names its file system (Microsoft's BIOS parameter block: OEM id, 8 bytes at 3).</summary>
    private const int SystemIdAt = 3;

    /// <summary>
    /// Formats. With <paramref name="size"/> the file of a <c>file:</c> LUN is made first where it is not there. Refuses, with a
    /// sentence in an <see cref="IOException"/>, a LUN that somebody is registered on, and one that holds NTFS already unless
    /// <paramref name="overwrite"/>.
    /// </summary>
    public static async Task RunAsync(string lunUri, ByteCount? size, string label, bool overwrite, ILoggerFactory loggers)
    {
        ArgumentNullException.ThrowIfNull(loggers);
        var uri = LunUri.Parse(lunUri);
        if (size is { } wanted && !File.Exists(uri.Path))
        {
            FileLun.CreateBacking(uri.Path, wanted);
        }

        using var lun = uri.Open(loggers.CreateLogger<FileLun>());
        using var thread = new MetadataThread(label);
        await thread.RunAsync(() =>
        {
            if (lun.ReadKeys().Count > 0)
            {
                throw new IOException($"{lunUri} is in use by a node; remove the volume there first. Nothing was changed.");
            }

            if (!overwrite && HoldsNtfs(lun))
            {
                throw new IOException(
                    $"{lunUri} holds an NTFS volume already. Nothing was changed. To lose what is on it, wipe it first: wipefs -a {uri.Path}");
            }

            NtfsFormatter.Format(lun, new NtfsFormatOptions { Label = label });
            lun.Flush();
        });
    }

    private static bool HoldsNtfs(ILun lun)
    {
        var boot = new byte[Math.Max(512, lun.BlockSize)];
        lun.Read(new LunByteOffset(0), boot);
        return boot.AsSpan(SystemIdAt, 8).SequenceEqual("NTFS    "u8);
    }
}
