using Covol.Lun;
using Microsoft.Win32.SafeHandles;

namespace Covol.Tests.Mount;

/// <summary>A LUN in a temporary file whose gate a test closes by hand.</summary>
internal sealed class CountedLun : IRingTarget, IDisposable
{
    private readonly string _path = Path.GetTempFileName();
    private readonly SafeFileHandle _file;
    private readonly SafeFileHandle _null = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite);
    private int _entersLeft = int.MaxValue;
    private int _inFlight;
    private int _entered;

    public CountedLun(long length)
    {
        _file = File.OpenHandle(_path, FileMode.Open, FileAccess.ReadWrite);
        RandomAccess.SetLength(_file, length);
    }

    public bool IsBroken { get; set; }

    /// <summary>Writes end well, whatever becomes of them, and flushes fail: /dev/null has nothing to flush.</summary>
    public bool FailsFlushes { get; set; }

    /// <summary>How often an I/O was let in.</summary>
    public int Entered => Volatile.Read(ref _entered);

    public int InFlight => Volatile.Read(ref _inFlight);

    public int Descriptor => IsBroken ? 99_999 : (int)(FailsFlushes ? _null : _file).DangerousGetHandle();

    public long DescriptorOffset => 0;

    public byte[] Read(long offset, int length)
    {
        var bytes = new byte[length];
        RandomAccess.Read(_file, bytes, offset);
        return bytes;
    }

    /// <summary>The key is preempted after so many more I/Os were let in.</summary>
    public void PreemptAfter(int enters) => Volatile.Write(ref _entersLeft, enters);

    public bool FailedWritesAreOver { get; set; } = true;

    public bool TryEnter()
    {
        if (Interlocked.Decrement(ref _entersLeft) < 0)
        {
            return false;
        }

        Interlocked.Increment(ref _entered);
        Interlocked.Increment(ref _inFlight);
        return true;
    }

    public void Leave() => Interlocked.Decrement(ref _inFlight);

    public void Dispose()
    {
        _file.Dispose();
        _null.Dispose();
        File.Delete(_path);
    }
}
