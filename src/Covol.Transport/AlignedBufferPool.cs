using System.Collections.Concurrent;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Covol.Transport;

/// <summary>
/// Buffers for redirected data: pinned and aligned to 4096 bytes, so that a coordinator writes them to the LUN with O_DIRECT
/// without a copy. Any thread. Keeps a bounded number of returned ones.
/// </summary>
internal sealed class AlignedBufferPool
{
    private const int Alignment = 4096;
    private const int SmallestShift = 12;
    private const int LargestShift = 20;
    private const int KeptOfEachSizeMax = 32;

    private readonly ConcurrentBag<Buffer>[] _free = [.. Enumerable.Range(0, LargestShift - SmallestShift + 1)
        .Select(_ => new ConcurrentBag<Buffer>())];

    public static AlignedBufferPool Shared { get; } = new();

    /// <summary>A buffer of at least that many bytes, at most 1 MiB. Its content is what its last user left.</summary>
    public Buffer Rent(int length)
    {
        var shift = Math.Max(SmallestShift, BitOperations.Log2((uint)Math.Max(1, length - 1)) + 1);
        return _free[shift - SmallestShift].TryTake(out var buffer) ? buffer : new Buffer(this, shift);
    }

    /// <summary>Belongs to whoever rented it until <see cref="Return"/>.</summary>
    internal sealed class Buffer
    {
        private readonly AlignedBufferPool _pool;
        private readonly int _shift;

        public Buffer(AlignedBufferPool pool, int shift)
        {
            _pool = pool;
            _shift = shift;
            var array = GC.AllocateUninitializedArray<byte>((1 << shift) + Alignment, pinned: true);
            var address = Marshal.UnsafeAddrOfPinnedArrayElement(array, 0);
            var skip = (int)(-address & (Alignment - 1));
            Memory = array.AsMemory(skip, 1 << shift);
        }

        public Memory<byte> Memory { get; }

        public void Return()
        {
            var free = _pool._free[_shift - SmallestShift];
            if (free.Count < KeptOfEachSizeMax)
            {
                free.Add(this);
            }
        }
    }
}
