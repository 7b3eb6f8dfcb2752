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
    /// <see cref="LunContents"/>) unless <paramref name="overwrite"/>. With <paramref name="partitioned"/> the volume lies in the one partition
    /// of a new GPT. Answers the URI under which the volume is found from now on, which names the partition.
    /// </summary>
    public static async Task<string> RunAsync(
        string lunUri, ByteCount? size, string label, bool overwrite, ILoggerFactory loggers, bool partitioned = false)
    {
        ArgumentNullException.ThrowIfNull(loggers);
        var uri = LunUri.Parse(lunUri);
        if (partitioned && uri.Partition is not null)
        {
            throw new IOException($"{lunUri} names a partition, and --gpt makes a new table: name the LUN. Nothing was changed.");
        }

        if (size is { } wanted && !File.Exists(uri.Path))
        {
            FileLun.CreateBacking(uri.Path, wanted);
        }

        using var lun = LunContents.Open(uri, loggers);
        using var thread = new MetadataThread(label);
        return await thread.RunAsync(() =>
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

            var options = new NtfsFormatOptions { Label = label };
            if (partitioned)
            {
                return uri.InPartition(FormatInPartition(lun, options)).ToString();
            }

            NtfsFormatter.Format(lun, options);
            lun.Flush();
            return uri.ToString();
        });
    }

    /// <summary>The table comes last: cut on the way, the LUN looks empty.</summary>
    private static Partition FormatInPartition(ILun lun, NtfsFormatOptions options)
    {
        var partition = NewPartitionTable.PlaceOn(lun);
        if (partition.Length < NtfsFormatter.SizeMin)
        {
            throw new IOException(
                $"A LUN of {lun.Size} is too small for a partition table and a volume of at least {NtfsFormatter.SizeMin}. Nothing was changed.");
        }

        NewPartitionTable.ClearAround(lun, partition);
        NtfsFormatter.Format(new PartitionLun(lun, partition), options);
        NewPartitionTable.Write(lun, partition, Guid.NewGuid(), Guid.NewGuid(), options.Label);
        return partition;
    }
}
