using Covol.Ntfs;
using Covol.Protocol.Units;

namespace Covol.Tests.Ntfs.Support;

/// <summary>A freshly formatted volume in memory, made once.</summary>
internal static class FormattedVolume
{
    private static readonly Lazy<SnapshotDevice> s_small = new(() => Make(ByteCount.FromMebibytes(32), ByteCount.FromMebibytes(2)));

    /// <summary>32 MiB with a journal of 2 MiB.</summary>
    public static SnapshotDevice Small()
    {
        lock (s_small)
        {
            return s_small.Value.Snapshot();
        }
    }

    public static SnapshotDevice Make(ByteCount size, ByteCount journal)
    {
        var device = new SnapshotDevice(size);
        NtfsFormatter.Format(device, new NtfsFormatOptions { Label = "test", JournalLength = journal });
        return device;
    }
}
