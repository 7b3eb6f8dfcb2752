using System.Buffers.Binary;
using System.Numerics;

namespace Covol.Protocol.Journal;

/// <summary>
/// XXH64 with seed 0 (the xxHash specification, doc/xxhash_spec.md 0.1.1): finds torn and stale records, is no guard against
/// people. Chosen over
/// CRC-32C because 32 bits are too few for thousands of commits a second over years, and over SHA-256 because a commit waits
/// for it.
/// </summary>
public static class Checksum64
{
    private const ulong Prime1 = 0x9E3779B185EBCA87;
    private const ulong Prime2 = 0xC2B2AE3D27D4EB4F;
    private const ulong Prime3 = 0x165667B19E3779F9;
    private const ulong Prime4 = 0x85EBCA77C2B2AE63;
    private const ulong Prime5 = 0x27D4EB2F165667C5;

    public static ulong Of(ReadOnlySpan<byte> data)
    {
        var length = (ulong)data.Length;
        var hash = data.Length >= 32 ? Stripes(ref data) : Prime5;
        return unchecked(Finish(hash + length, data));
    }

    private static ulong Stripes(ref ReadOnlySpan<byte> data)
    {
        unchecked
        {
            var (a, b, c, d) = (Prime1 + Prime2, Prime2, 0UL, 0UL - Prime1);
            while (data.Length >= 32)
            {
                a = Round(a, BinaryPrimitives.ReadUInt64LittleEndian(data));
                b = Round(b, BinaryPrimitives.ReadUInt64LittleEndian(data[8..]));
                c = Round(c, BinaryPrimitives.ReadUInt64LittleEndian(data[16..]));
                d = Round(d, BinaryPrimitives.ReadUInt64LittleEndian(data[24..]));
                data = data[32..];
            }

            var hash = BitOperations.RotateLeft(a, 1) + BitOperations.RotateLeft(b, 7) + BitOperations.RotateLeft(c, 12)
                + BitOperations.RotateLeft(d, 18);
            hash = Merge(hash, a);
            hash = Merge(hash, b);
            hash = Merge(hash, c);
            return Merge(hash, d);
        }
    }

    private static ulong Finish(ulong hash, ReadOnlySpan<byte> tail)
    {
        unchecked
        {
            for (; tail.Length >= 8; tail = tail[8..])
            {
                hash ^= Round(0, BinaryPrimitives.ReadUInt64LittleEndian(tail));
                hash = (BitOperations.RotateLeft(hash, 27) * Prime1) + Prime4;
            }

            if (tail.Length >= 4)
            {
                hash ^= BinaryPrimitives.ReadUInt32LittleEndian(tail) * Prime1;
                hash = (BitOperations.RotateLeft(hash, 23) * Prime2) + Prime3;
                tail = tail[4..];
            }

            foreach (var single in tail)
            {
                hash = BitOperations.RotateLeft(hash ^ (single * Prime5), 11) * Prime1;
            }

            hash = (hash ^ (hash >> 33)) * Prime2;
            hash = (hash ^ (hash >> 29)) * Prime3;
            return hash ^ (hash >> 32);
        }
    }

    private static ulong Round(ulong accumulator, ulong lane) =>
        unchecked(BitOperations.RotateLeft(accumulator + (lane * Prime2), 31) * Prime1);

    private static ulong Merge(ulong hash, ulong accumulator) => unchecked(((hash ^ Round(0, accumulator)) * Prime1) + Prime4);
}
