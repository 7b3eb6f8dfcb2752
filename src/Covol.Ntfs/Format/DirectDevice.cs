using Covol.Lun;
using Covol.Ntfs.Journal;
using Covol.Protocol.Journal;
using Covol.Protocol.Units;

namespace Covol.Ntfs.Format;

/// <summary>A volume without a journal: what is written is written. Only for an image that nobody else sees yet.</summary>
internal sealed class DirectDevice(IBlockDevice device) : IVolumeDevice
{
    private readonly byte[] _page = new byte[JournalFormat.PageSize];

    public long Size { get; } = JournalFormat.RoundDown(device.Size.Value);

    public bool DropWrites { get; set; }

    public void Read(long offset, Span<byte> target)
    {
        while (target.Length > 0)
        {
            var take = Load(offset, target.Length, out var within);
            _page.AsSpan(within, take).CopyTo(target);
            target = target[take..];
            offset += take;
        }
    }

    public void Write(long offset, ReadOnlySpan<byte> source)
    {
        while (source.Length > 0 && !DropWrites)
        {
            var take = Load(offset, source.Length, out var within);
            source[..take].CopyTo(_page.AsSpan(within));
            device.Write(new LunByteOffset(offset - within), _page);
            source = source[take..];
            offset += take;
        }
    }

    private int Load(long offset, int wanted, out int within)
    {
        within = (int)(offset % _page.Length);
        device.Read(new LunByteOffset(offset - within), _page);
        return Math.Min(wanted, _page.Length - within);
    }
}
