using System.Buffers.Binary;
using Covol.Lab.Guest;
using Shouldly;
using Xunit;

namespace Covol.Tests.VirtualMachines;

/// <summary>The check of the guest's disk finds what it is there for.</summary>
public sealed class GuestDisks : IDisposable
{
    private const int Blocks = 300;
    private readonly string _file = Path.Combine(Path.GetTempPath(), $"covol-disk-{Guid.NewGuid():N}");

    [Fact]
    public async Task A_disk_that_was_written_round_and_round_is_clean()
    {
        Write(from: 1, to: 1000);

        (await VerifyAsync()).ShouldBe(new GuestDiskReport(1000, 0, 0, null, 0));
        (await VerifyAsync()).IsClean.ShouldBeTrue();
    }

    [Fact]
    public async Task A_disk_that_is_not_full_yet_is_clean_too()
    {
        Write(from: 1, to: 10);

        (await VerifyAsync()).ShouldBe(new GuestDiskReport(10, 0, 0, null, 0));
    }

    [Fact]
    public async Task An_empty_disk_is_not_called_clean()
    {
        Write(from: 1, to: 0);

        (await VerifyAsync()).IsClean.ShouldBeFalse();
    }

    [Fact]
    public async Task A_lost_write_is_missed_whether_its_place_is_older_or_empty()
    {
        Write(from: 1, to: 1000, except: 990);
        var older = await VerifyAsync();
        Write(from: 1, to: 10, except: 4);
        var empty = await VerifyAsync();

        older.ShouldBe(new GuestDiskReport(1000, 0, 1, 990, 0));
        empty.ShouldBe(new GuestDiskReport(10, 0, 1, 4, 0));
    }

    [Fact]
    public async Task A_torn_block_and_a_foreign_one_are_found()
    {
        Write(from: 1, to: 1000);
        await using (var disk = File.OpenWrite(_file))
        {
            disk.Position = 7 * 4096 + 2048;
            disk.Write(new byte[2048]);
            disk.Position = 9 * 4096;
            disk.Write("somebody else's"u8);
        }

        var report = await VerifyAsync();

        report.BadChecksums.ShouldBe(1);
        report.Foreign.ShouldBe(1);
        report.Missing.ShouldBe(2);
        report.IsClean.ShouldBeFalse();
    }

    [Fact]
    public async Task A_disk_that_is_too_short_says_so()
    {
        await File.WriteAllBytesAsync(_file, new byte[4096]);

        await Should.ThrowAsync<EndOfStreamException>(VerifyAsync);
    }

    public void Dispose() => File.Delete(_file);

    private Task<GuestDiskReport> VerifyAsync() => GuestDiskVerifier.VerifyAsync(_file, Blocks, CancellationToken.None);

    /// <summary>Blocks as covol-guest.c writes them, then 512 bytes as of a VHD's footer.</summary>
    private void Write(long from, long to, long except = -1)
    {
        using var disk = File.Create(_file);
        disk.SetLength((Blocks * 4096) + 512);
        for (var sequence = from; sequence <= to; sequence++)
        {
            if (sequence == except)
            {
                continue;
            }

            var block = new byte[4096];
            "COVOLGST"u8.CopyTo(block);
            BinaryPrimitives.WriteInt64LittleEndian(block.AsSpan(8), sequence);
            BinaryPrimitives.WriteInt64LittleEndian(block.AsSpan(100), sequence * 31);
            var sum = 0xcbf29ce484222325UL;
            foreach (var value in block.AsSpan(0, 4088))
            {
                sum = unchecked((sum ^ value) * 0x100000001b3UL);
            }

            BinaryPrimitives.WriteUInt64LittleEndian(block.AsSpan(4088), sum);
            disk.Position = sequence % Blocks * 4096;
            disk.Write(block);
        }
    }
}
