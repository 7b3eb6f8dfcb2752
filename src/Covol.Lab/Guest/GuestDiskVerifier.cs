using System.Buffers.Binary;

namespace Covol.Lab.Guest;

/// <summary>Checks the blocks that <c>covol-guest.c</c> writes; the layout of a block is described there. Works on a raw disk
/// and on a
/// fixed VHD, whose footer lies behind the guest's blocks.</summary>
public static class GuestDiskVerifier
{
    private const int SumOffset = GuestImage.BlockBytes - 8;
    private const int SequenceOffset = 8;
    private const int BlocksARead = 256;

    /// <summary>Reads <paramref name="blocks"/> blocks of the file. The machine should be off: a write in flight counts as
    /// missing.</summary>
    public static async Task<GuestDiskReport> VerifyAsync(string file, int blocks, CancellationToken cancellation)
    {
        using var disk = File.OpenHandle(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, FileOptions.Asynchronous);
        var sequences = new long[blocks];
        var bad = 0;
        var foreign = 0;
        var buffer = new byte[BlocksARead * GuestImage.BlockBytes];
        for (var first = 0; first < blocks; first += BlocksARead)
        {
            var count = Math.Min(BlocksARead, blocks - first);
            await ReadAsync(disk, buffer.AsMemory(0, count * GuestImage.BlockBytes), (long)first * GuestImage.BlockBytes, cancellation)
                .ConfigureAwait(false);
            for (var index = 0; index < count; index++)
            {
                switch (Look(buffer.AsSpan(index * GuestImage.BlockBytes, GuestImage.BlockBytes)))
                {
                    case -1:
                        bad++;
                        break;
                    case -2:
                        foreign++;
                        break;
                    case var sequence:
                        sequences[first + index] = sequence;
                        break;
                }
            }
        }

        return Judge(sequences, bad, foreign);
    }

    /// <summary>What the numbers found in blocks 0, 1, … say (0: an empty block).</summary>
    internal static GuestDiskReport Judge(ReadOnlySpan<long> sequences, int bad, int foreign)
    {
        var highest = 0L;
        foreach (var sequence in sequences)
        {
            highest = Math.Max(highest, sequence);
        }

        var missing = 0;
        long? firstMissing = null;
        for (var sequence = Math.Max(1, highest - sequences.Length + 1); sequence <= highest; sequence++)
        {
            if (sequences[(int)(sequence % sequences.Length)] != sequence)
            {
                missing++;
                firstMissing ??= sequence;
            }
        }

        return new GuestDiskReport(highest, bad, missing, firstMissing, foreign);
    }

    /// <summary>The block's sequence number; 0 for zeroes, -1 for a wrong sum, -2 for something else.</summary>
    internal static long Look(ReadOnlySpan<byte> block)
    {
        if (!block.StartsWith("COVOLGST"u8))
        {
            return block.ContainsAnyExcept((byte)0) ? -2 : 0;
        }

        return BinaryPrimitives.ReadUInt64LittleEndian(block[SumOffset..]) == Sum(block[..SumOffset])
            ? BinaryPrimitives.ReadInt64LittleEndian(block[SequenceOffset..])
            : -1;
    }

    /// <summary>FNV-1a, 64 bit.</summary>
    internal static ulong Sum(ReadOnlySpan<byte> bytes)
    {
        var sum = 0xcbf29ce484222325UL;
        foreach (var value in bytes)
        {
            sum = unchecked((sum ^ value) * 0x100000001b3UL);
        }

        return sum;
    }

    private static async Task ReadAsync(
        Microsoft.Win32.SafeHandles.SafeFileHandle disk, Memory<byte> target, long at, CancellationToken cancellation)
    {
        while (target.Length > 0)
        {
            var read = await RandomAccess.ReadAsync(disk, target, at, cancellation).ConfigureAwait(false);
            if (read == 0)
            {
                throw new EndOfStreamException("The disk is shorter than the blocks that the guest was told to write.");
            }

            target = target[read..];
            at += read;
        }
    }
}
