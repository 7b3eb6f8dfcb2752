using Covol.Ntfs;
using Covol.Protocol.Units;

namespace Covol.Simulation.Engine;

/// <summary>
/// A freshly formatted volume, made once a process. Its serial number and times differ from one process to the next; nothing reads them.
/// </summary>
internal static class VolumeTemplate
{
    /// <summary>The smallest volume that there is.</summary>
    public const int Size = 16 << 20;

    private static readonly Lazy<byte[]> s_bytes = new(Make);

    public static ReadOnlySpan<byte> Bytes => s_bytes.Value;

    private static byte[] Make()
    {
        var bytes = new byte[Size];
        using var device = new ImageDevice(bytes);
        NtfsFormatter.Format(device, new NtfsFormatOptions { Label = "Volume1", JournalLength = ByteCount.FromMebibytes(1) });
        return bytes;
    }
}
