using Covol.Lun;
using Covol.Protocol.Units;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;

namespace Covol.Tests.Lun;

/// <summary>
/// A file system that can do less than ext4: tmpfs has no zero range, tells no alignment, and before Linux 6.6 no direct I/O.
/// </summary>
public sealed class MemoryFileSystemTests : IDisposable
{
    private readonly string _folder =
        Directory.CreateDirectory($"/dev/shm/covol-lun-{Environment.ProcessId}-{Guid.NewGuid():n}").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Zeroes_are_written_where_a_range_cannot_be_zeroed()
    {
        var path = Path.Combine(_folder, "lun1.img");
        FileLun.CreateBacking(path, new ByteCount(8 << 20));
        if (WhyNot(path) is { } sentence)
        {
            sentence.ShouldContain("has no direct I/O");
            return;
        }

        using var lun = FileLun.Open(path, NullLogger.Instance);
        var data = TemporaryLun.RandomBytes(2 << 20);
        lun.Write(new LunByteOffset(0), data);

        lun.WriteZeroes(new LunByteOffset(lun.BlockSize), new ByteCount((1 << 20) + (3 * 4096)));

        var back = new byte[data.Length];
        lun.Read(new LunByteOffset(0), back);
        data.AsSpan(lun.BlockSize, (1 << 20) + (3 * 4096)).Clear();
        back.AsSpan().SequenceEqual(data).ShouldBeTrue();
    }

    private static string? WhyNot(string path)
    {
        try
        {
            FileLun.Open(path, NullLogger.Instance).Dispose();
            return null;
        }
        catch (LunException failure)
        {
            return failure.Message;
        }
    }
}
