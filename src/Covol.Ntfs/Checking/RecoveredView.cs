using Covol.Lun;
using Covol.Ntfs.Journal;
using Covol.Protocol.Journal;
using Covol.Protocol.Units;

namespace Covol.Ntfs.Checking;

/// <summary>
/// A LUN as recovery would leave it, read only: the newest content of each page comes from the journal where it has one. Does not own the device.
/// </summary>
internal sealed class RecoveredView : IBlockDevice
{
    private readonly IBlockDevice _device;
    private readonly IReadOnlyDictionary<long, LunByteOffset> _pages;

    private RecoveredView(IBlockDevice device, IReadOnlyDictionary<long, LunByteOffset> pages)
    {
        _device = device;
        _pages = pages;
    }

    public ByteCount Size => _device.Size;

    public int BlockSize => _device.BlockSize;

    public long ReplayedPages => _pages.Count;

    /// <summary>
    /// Where the journal would refuse to be replayed, the view shows the LUN as it lies, and <paramref name="refusal"/> says so. A volume without
    /// a journal that can be found is shown as it lies too: the check tells.
    /// </summary>
    public static RecoveredView Open(IBlockDevice device, out Finding? refusal)
    {
        refusal = null;
        try
        {
            var (_, locator) = VolumeGeometry.ReadWithLocator(device);
            try
            {
                return new RecoveredView(device, RedoJournal.PagesToReplay(device, locator));
            }
            catch (NtfsRefusedException failure)
            {
                refusal = new Finding(FindingKind.JournalRefused, FileNames.Journal, failure.Message.TrimEnd('.'));
            }
        }
        catch (NtfsRefusedException)
        {
            // No volume or no locator: what is there is checked, and that is told.
        }

        return new RecoveredView(device, new Dictionary<long, LunByteOffset>());
    }

    public void Read(LunByteOffset from, Span<byte> target)
    {
        _device.Read(from, target);
        if (_pages.Count == 0)
        {
            return;
        }

        var page = Array.Empty<byte>();
        for (var number = from.Value / JournalFormat.PageSize; number * JournalFormat.PageSize < from.Value + target.Length; number++)
        {
            if (!_pages.TryGetValue(number, out var place))
            {
                continue;
            }

            page = page.Length == 0 ? new byte[JournalFormat.PageSize] : page;
            _device.Read(place, page);
            var start = Math.Max(from.Value, number * JournalFormat.PageSize);
            var end = Math.Min(from.Value + target.Length, (number + 1) * JournalFormat.PageSize);
            page.AsSpan((int)(start - (number * JournalFormat.PageSize)), (int)(end - start)).CopyTo(target[(int)(start - from.Value)..]);
        }
    }

    public void Write(LunByteOffset at, ReadOnlySpan<byte> source) => throw ReadOnly();

    public void Flush() => throw ReadOnly();

    public void WriteZeroes(LunByteOffset at, ByteCount length) => throw ReadOnly();

    public void Discard(LunByteOffset at, ByteCount length) => throw ReadOnly();

    public void Dispose()
    {
    }

    private static NotSupportedException ReadOnly() => new("A check never writes to a volume.");
}
