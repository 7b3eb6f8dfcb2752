using Covol.Lun;
using Covol.Ntfs;
using Covol.Protocol.Ids;
using Covol.Protocol.Ownership;
using Microsoft.Extensions.Logging;

namespace Covol.Coordinator;

/// <summary>Takes over an NTFS volume with its files, and gives it back (<c>covold adopt</c>, <c>covold release</c>).</summary>
public static class VolumeAdoption
{
    private static readonly TimeSpan s_drainLimit = TimeSpan.FromSeconds(5);

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

    /// <summary>
    /// Makes a plain NTFS volume of a Covol volume that every living node of the cluster has let go; one that is plain already stays as it is.
    /// Keys of the cluster that are still on the LUN are those of nodes that died or cannot be reached: they are fenced first, under
    /// <paramref name="own"/>, or such a node could write over what is no Covol volume any more. Refuses where others have keys there.
    /// </summary>
    public static async Task ReleaseAsync(string lunUri, ReservationKey own, ILoggerFactory loggers)
    {
        ArgumentNullException.ThrowIfNull(loggers);
        using var lun = LunContents.Open(LunUri.Parse(lunUri), loggers);
        using var thread = new MetadataThread("release");
        await thread.RunAsync(() =>
        {
            if (lun.ReadKeys().FirstOrDefault(key => KeyLayout.Tag(key) != KeyLayout.Tag(own)) is { Value: not 0 } stranger)
            {
                throw new IOException($"{lunUri} is in use by a node of another cluster (key {stranger}); end that first. Nothing was changed.");
            }

            lun.Register(own);
            try
            {
                lun.Reserve();
                foreach (var left in lun.ReadKeys().Where(key => key != own))
                {
                    lun.PreemptAndAbort(own, left, s_drainLimit);
                }

                NtfsReleaser.Release(lun);
            }
            finally
            {
                lun.Unregister();
            }
        });
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
