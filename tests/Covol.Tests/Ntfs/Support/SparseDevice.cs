using Covol.Lun;
using Covol.Protocol.Units;

namespace Covol.Tests.Ntfs.Support;

/// <summary>A LUN of any size in memory, which takes memory only for 64 KiB pieces that hold anything but zeroes.</summary>
internal sealed class SparseDevice(ByteCount size) : IBlockDevice
{
    private const int PieceLength = 65_536;
    private readonly Dictionary<long, byte[]> _pieces = [];

    public ByteCount Size => size;

    public int BlockSize => 512;

    /// <summary>Bytes of the largest single write so far.</summary>
    public long LargestWrite { get; private set; }

    public void Read(LunByteOffset from, Span<byte> target)
    {
        for (var at = from.Value; target.Length > 0;)
        {
            var (within, take) = Part(at, target.Length);
            if (_pieces.TryGetValue(at / PieceLength, out var piece))
            {
                piece.AsSpan(within, take).CopyTo(target);
            }
            else
            {
                target[..take].Clear();
            }

            target = target[take..];
            at += take;
        }
    }

    public void Write(LunByteOffset at, ReadOnlySpan<byte> source)
    {
        LargestWrite = Math.Max(LargestWrite, source.Length);
        for (var place = at.Value; source.Length > 0;)
        {
            var (within, take) = Part(place, source.Length);
            var part = source[..take];
            if (!_pieces.TryGetValue(place / PieceLength, out var piece) && part.ContainsAnyExcept((byte)0))
            {
                piece = _pieces[place / PieceLength] = new byte[PieceLength];
            }

            if (piece is not null)
            {
                part.CopyTo(piece.AsSpan(within));
            }

            source = source[take..];
            place += take;
        }
    }

    public void Flush()
    {
    }

    public void WriteZeroes(LunByteOffset at, ByteCount length)
    {
        var zeroes = new byte[1 << 20];
        for (var done = 0L; done < length.Value; done += zeroes.Length)
        {
            Write(at + new ByteCount(done), zeroes.AsSpan(0, (int)Math.Min(zeroes.Length, length.Value - done)));
        }
    }

    public void Discard(LunByteOffset at, ByteCount length)
    {
    }

    public void Dispose()
    {
    }

    private static (int Within, int Take) Part(long at, int wanted)
    {
        var within = (int)(at % PieceLength);
        return (within, Math.Min(wanted, PieceLength - within));
    }
}
