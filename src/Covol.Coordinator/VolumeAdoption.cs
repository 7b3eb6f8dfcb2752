using Covol.Lun;
using Covol.Ntfs;
using Microsoft.Extensions.Logging;

namespace Covol.Coordinator;

/// <summary>Takes over an NTFS volume with its files, and gives it back (<c>covold adopt</c>, <c>covold release</c>).</summary>
public static class VolumeAdoption
{
    /// <summary>
    /// Makes a Covol volume of the NTFS volume on a LUN, or in the one NTFS partition of its GPT. Answers the URI under which the volume
    /// is found from now on, which names the partition. Throws an <see cref="IOException"/> with a sentence where that cannot
    /// be; nothing was changed then.
    /// </summary>
    public static async Task<string> AdoptAsync(string lunUri, ILoggerFactory loggers)
    {
        ArgumentNullException.ThrowIfNull(loggers);
        var uri = Locate(LunUri.Parse(lunUri), loggers);
        await RunAsync(uri, loggers, lun =>
        {
            if (!LunContents.IsNtfs(lun, out var found))
            {
                throw new IOException(found is null
                    ? $"{lunUri} holds no NTFS volume: add --format to make one."
                    : $"{lunUri} holds {found}, not {LunContents.NtfsName}. To lose what is on it, add --format --force; "
                        + "to keep it, name another LUN.");
            }

            try
            {
                NtfsAdopter.Adopt(lun, NtfsAdoptionOptions.Default);
            }
            catch (NtfsRefusedException refusal)
            {
                throw new IOException($"{lunUri} cannot be taken over with its files. {refusal.Message} Nothing was changed.", refusal);
            }
        });
        return uri.ToString();
    }

    /// <summary>Makes a plain NTFS volume of a Covol volume that no node uses; one that is plain already stays as it is.</summary>
    public static Task ReleaseAsync(string lunUri, ILoggerFactory loggers)
    {
        ArgumentNullException.ThrowIfNull(loggers);
        return RunAsync(LunUri.Parse(lunUri), loggers, NtfsReleaser.Release);
    }

    /// <summary>The URI of the partition where the LUN has a partition table; else the LUN's.</summary>
    private static LunUri Locate(LunUri uri, ILoggerFactory loggers)
    {
        if (uri.Partition is not null)
        {
            return uri;
        }

        using var whole = LunContents.Open(uri, loggers);
        return PartitionTable.Read(whole) is { } table ? uri.InPartition(table.OnlyNtfs()) : uri;
    }

    private static async Task RunAsync(LunUri uri, ILoggerFactory loggers, Action<IBlockDevice> work)
    {
        using var lun = LunContents.Open(uri, loggers);
        using var thread = new MetadataThread("adoption");
        await thread.RunAsync(() =>
        {
            if (lun.ReadKeys().Count > 0)
            {
                throw new IOException($"{uri} is in use by a node; remove the volume there first. Nothing was changed.");
            }

            work(lun);
        });
    }
}
