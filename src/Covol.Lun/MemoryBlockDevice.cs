using System.Runtime.InteropServices;
using Covol.Protocol.Units;

namespace Covol.Lun;

/// <summary>
/// A LUN in memory, for tests and for a dry run of the file system. Pages exist once they were written, so 64 TiB cost nothing.
/// What was never written, or was discarded, reads as zeroes. Any thread; one request at a time.
/// </summary>
public sealed class MemoryBlockDevice : IBlockDevice
{
    private const int PageBits = 14;
    private const int PageSize = 1 << PageBits;

    private readonly Lock _access = new();
    private readonly Dictionary<long, byte[]> _pages = [];
    private bool _disposed;

    /// <param name="size">A multiple of <paramref name="blockSize"/>.</param>
    /// <param name="blockSize">A power of two from 512 to 4096.</param>
    public MemoryBlockDevice(ByteCount size, int blockSize = 512)
    {
        if (blockSize is not (512 or 1024 or 2048 or 4096))
        {
            throw new ArgumentOutOfRangeException(nameof(blockSize), blockSize, "A block has 512, 1024, 2048 or 4096 bytes.");
        }

        if (size.Value <= 0 || size.Value % blockSize != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(size), size, $"The size must be whole blocks of {blockSize} bytes.");
        }

        Size = size;
        BlockSize = blockSize;
    }

    public ByteCount Size { get; }

    public int BlockSize { get; }

    /// <summary>Memory in use for data, in bytes.</summary>
    public ByteCount Resident
    {
        get
        {
            lock (_access)
            {
                return new ByteCount((long)_pages.Count * PageSize);
            }
        }
    }

    public void Read(LunByteOffset from, Span<byte> target)
    {
        BlockRange.Check(this, from, target.Length);
        lock (_access)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            for (var at = from.Value; !target.IsEmpty;)
            {
                var within = (int)(at & (PageSize - 1));
                var part = target[..Math.Min(target.Length, PageSize - within)];
                if (_pages.TryGetValue(at >> PageBits, out var page))
                {
                    page.AsSpan(within, part.Length).CopyTo(part);
                }
                else
                {
                    part.Clear();
                }

                at += part.Length;
                target = target[part.Length..];
            }
        }
    }

    public void Write(LunByteOffset at, ReadOnlySpan<byte> source)
    {
        BlockRange.Check(this, at, source.Length);
        lock (_access)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            for (var position = at.Value; !source.IsEmpty;)
            {
                var within = (int)(position & (PageSize - 1));
                var part = source[..Math.Min(source.Length, PageSize - within)];
                ref var page = ref CollectionsMarshal.GetValueRefOrAddDefault(_pages, position >> PageBits, out _);
                page ??= new byte[PageSize];
                part.CopyTo(page.AsSpan(within));
                position += part.Length;
                source = source[part.Length..];
            }
        }
    }

    public void Flush() => ObjectDisposedException.ThrowIf(_disposed, this);

    public void WriteZeroes(LunByteOffset at, ByteCount length)
    {
        BlockRange.Check(this, at, length.Value);
        lock (_access)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var end = at.Value + length.Value;
            var touched = ((end - 1) >> PageBits) - (at.Value >> PageBits) + 1;
            if (length.Value > 0 && touched > _pages.Count)
            {
                // Fewer pages exist than the range spans: walking what exists keeps terabytes of zeroes cheap.
                foreach (var number in _pages.Keys.ToArray())
                {
                    ZeroWithin(number, at.Value, end);
                }

                return;
            }

            for (var number = at.Value >> PageBits; number << PageBits < end; number++)
            {
                ZeroWithin(number, at.Value, end);
            }
        }
    }

    public void Discard(LunByteOffset at, ByteCount length) => WriteZeroes(at, length);

    public void Dispose()
    {
        lock (_access)
        {
            _disposed = true;
            _pages.Clear();
        }
    }

    private void ZeroWithin(long number, long start, long end)
    {
        var pageStart = number << PageBits;
        var from = Math.Max(start, pageStart);
        var to = Math.Min(end, pageStart + PageSize);
        if (to - from == PageSize)
        {
            _pages.Remove(number);
        }
        else if (to > from && _pages.TryGetValue(number, out var page))
        {
            page.AsSpan((int)(from - pageStart), (int)(to - from)).Clear();
        }
    }
}
