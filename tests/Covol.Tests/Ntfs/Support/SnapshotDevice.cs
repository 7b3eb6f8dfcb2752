using Covol.Lun;
using Covol.Protocol.Units;

namespace Covol.Tests.Ntfs.Support;

/// <summary>A LUN in memory whose copies share what neither changed, so that a crash test can keep hundreds of them.</summary>
internal sealed class SnapshotDevice : IBlockDevice
{
    private const int ChunkLength = 4096;
    private static readonly byte[] s_zeroes = new byte[ChunkLength];
    private readonly byte[]?[] _chunks;
    private readonly HashSet<long> _own = [];

    public SnapshotDevice(ByteCount size)
        : this(size, new byte[]?[size.Value / ChunkLength])
    {
    }

    private SnapshotDevice(ByteCount size, byte[]?[] chunks)
    {
        Size = size;
        _chunks = chunks;
    }

    public ByteCount Size { get; }

    public int BlockSize => 512;

    /// <summary>A device with the same content; neither sees what is written to the other from now on.</summary>
    public SnapshotDevice Snapshot()
    {
        _own.Clear();
        return new SnapshotDevice(Size, (byte[]?[])_chunks.Clone());
    }

    /// <summary>The 4 KiB pages whose content differs. Those that neither wrote since they were one cost nothing.</summary>
    public IEnumerable<long> Differences(SnapshotDevice other)
    {
        for (var chunk = 0L; chunk < _chunks.Length; chunk++)
        {
            var (mine, theirs) = (_chunks[chunk], other._chunks[chunk]);
            if (!ReferenceEquals(mine, theirs) && !(mine ?? s_zeroes).AsSpan().SequenceEqual(theirs ?? s_zeroes))
            {
                yield return chunk;
            }
        }
    }

    public void Read(LunByteOffset from, Span<byte> target)
    {
        Check(from, target.Length);
        for (var at = from.Value; target.Length > 0;)
        {
            var (chunk, within, take) = Part(at, target.Length);
            if (_chunks[chunk] is { } content)
            {
                content.AsSpan(within, take).CopyTo(target);
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
        Check(at, source.Length);
        for (var place = at.Value; source.Length > 0;)
        {
            var (chunk, within, take) = Part(place, source.Length);
            source[..take].CopyTo(Own(chunk).AsSpan(within));
            source = source[take..];
            place += take;
        }
    }

    public void Flush()
    {
    }

    public void WriteZeroes(LunByteOffset at, ByteCount length) => Write(at, new byte[length.Value]);

    public void Discard(LunByteOffset at, ByteCount length)
    {
    }

    public void Dispose()
    {
    }

    private static (long Chunk, int Within, int Take) Part(long at, int wanted)
    {
        var within = (int)(at % ChunkLength);
        return (at / ChunkLength, within, Math.Min(wanted, ChunkLength - within));
    }

    private void Check(LunByteOffset at, int length)
    {
        if (at.Value < 0 || at.Value > Size.Value - length || at.Value % BlockSize != 0 || length % BlockSize != 0)
        {
            throw new LunException(LunError.OutOfRange, $"{length} bytes at {at} are not within {Size}, or not whole blocks.");
        }
    }

    private byte[] Own(long chunk)
    {
        if (_own.Add(chunk))
        {
            _chunks[chunk] = _chunks[chunk] is { } shared ? (byte[])shared.Clone() : new byte[ChunkLength];
        }

        return _chunks[chunk]!;
    }
}
