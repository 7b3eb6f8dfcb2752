using Covol.Lun;
using Covol.Ntfs.Journal;
using Covol.Protocol;
using Covol.Protocol.Journal;
using Covol.Protocol.Units;

namespace Covol.Ntfs.Adoption;

/// <summary>
/// A volume whose changes stay in memory: what adopting it would write, before anything of it is written. One thread.
/// </summary>
internal sealed class MemoryOverlay(IBlockDevice device) : IVolumeDevice
{
    /// <summary>A journal and a folder take a few dozen pages; a library that wants more does something else.</summary>
    private const int PagesMax = 4096;

    private const int PageSize = JournalFormat.PageSize;
    private readonly SortedDictionary<long, byte[]> _pages = [];
    private readonly byte[] _loaded = new byte[PageSize];

    public long Size { get; } = JournalFormat.RoundDown(device.Size.Value);

    public bool DropWrites { get; set; }

    /// <summary>Which clusters the library sees as free; null: those that are.</summary>
    public BitmapWindow? Window { get; set; }

    /// <summary>Changed pages by their number, ascending.</summary>
    public IReadOnlyDictionary<long, byte[]> Pages => _pages;

    public void Read(long offset, Span<byte> target)
    {
        ReadPlain(offset, target);
        Window?.Hide(offset, target);
    }

    public void Write(long offset, ReadOnlySpan<byte> source)
    {
        if (DropWrites)
        {
            return;
        }

        var bytes = source.ToArray();
        if (Window is not null)
        {
            var present = new byte[bytes.Length];
            ReadPlain(offset, present);
            Window.Merge(offset, bytes, present);
        }

        for (var done = 0; done < bytes.Length;)
        {
            var (number, within) = ((offset + done) / PageSize, (int)((offset + done) % PageSize));
            var take = Math.Min(PageSize - within, bytes.Length - done);
            bytes.AsSpan(done, take).CopyTo(Changed(number).AsSpan(within));
            done += take;
        }
    }

    private void ReadPlain(long offset, Span<byte> target)
    {
        while (target.Length > 0)
        {
            var (number, within) = (offset / PageSize, (int)(offset % PageSize));
            var take = Math.Min(PageSize - within, target.Length);
            if (!_pages.TryGetValue(number, out var page))
            {
                device.Read(new LunByteOffset(number * PageSize), _loaded);
                page = _loaded;
            }

            page.AsSpan(within, take).CopyTo(target);
            target = target[take..];
            offset += take;
        }
    }

    private byte[] Changed(long number)
    {
        if (!_pages.TryGetValue(number, out var page))
        {
            Invariant.Holds(_pages.Count < PagesMax, "Adopting a volume changes more of it than it can.");
            page = new byte[PageSize];
            device.Read(new LunByteOffset(number * PageSize), page);
            _pages[number] = page;
        }

        return page;
    }
}
