using Covol.Lun;
using Covol.Protocol.Units;

namespace Covol.Tests.Ntfs.Support;

/// <summary>Carries everything out on a device below and keeps a log of each write and flush, from which a crash at any point
/// can be made.</summary>
internal sealed class RecordingBlockDevice(SnapshotDevice below) : IBlockDevice
{
    private readonly List<LogEntry> _log = [];

    /// <summary>What was written, in order. Null data is a flush.</summary>
    public IReadOnlyList<LogEntry> Log => _log;

    /// <summary>Forgets what was written so far.</summary>
    public void Clear() => _log.Clear();

    public ByteCount Size => below.Size;

    public int BlockSize => below.BlockSize;

    public void Read(LunByteOffset from, Span<byte> target) => below.Read(from, target);

    public void Write(LunByteOffset at, ReadOnlySpan<byte> source)
    {
        _log.Add(new LogEntry(at, source.ToArray()));
        below.Write(at, source);
    }

    /// <summary>A node's own write of file data, past the file system.</summary>
    public void WriteData(LunByteOffset at, ReadOnlySpan<byte> source)
    {
        _log.Add(new LogEntry(at, source.ToArray(), IsFileData: true));
        below.Write(at, source);
    }

    public void Flush() => _log.Add(new LogEntry(default, null));

    public void WriteZeroes(LunByteOffset at, ByteCount length) => Write(at, new byte[length.Value]);

    public void Discard(LunByteOffset at, ByteCount length)
    {
    }

    public void Dispose()
    {
    }

    internal readonly record struct LogEntry(LunByteOffset At, byte[]? Data, bool IsFileData = false)
    {
        public bool IsFlush => Data is null;
    }
}
