using Covol.IntegrationTests.Support;
using Covol.Lun;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;

namespace Covol.IntegrationTests.Lun;

/// <summary>A block device of the kernel's as a LUN, on loop devices.</summary>
public sealed class BlockDeviceTests : IDisposable
{
    private const long Size = 32 << 20;
    private readonly string _folder = Directory.CreateTempSubdirectory("covol-block-").FullName;

    private string Tables => $"{_folder}/tables";

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [NeedsTheory(Machine.Root, "losetup")]
    [InlineData(512)]
    [InlineData(4096)]
    public void It_has_the_size_and_the_blocks_of_the_device_and_keeps_what_is_written(int sector)
    {
        using var device = LoopDevice.Attach(Backing(), sector);
        using var lun = FileLun.OpenDevice(device.Path, Tables, NullLogger.Instance);
        lun.Size.Value.ShouldBe(Size);
        lun.BlockSize.ShouldBe(sector);
        lun.ToString().ShouldBe($"LUN block:{device.Path}");
        var data = new byte[1 << 20];
        new Random(sector).NextBytes(data);

        lun.Write(new LunByteOffset(8192), data);
        lun.WriteZeroes(new LunByteOffset(8192 + 4096), new ByteCount(4096 + sector));
        lun.Discard(new LunByteOffset(8192 + (512 << 10)), new ByteCount(256 << 10));
        lun.Flush();

        data.AsSpan(4096, 4096 + sector).Clear();
        var back = new byte[data.Length];
        lun.Read(new LunByteOffset(8192), back);
        back.AsSpan(0, 512 << 10).SequenceEqual(data.AsSpan(0, 512 << 10)).ShouldBeTrue();
        back.AsSpan(768 << 10).SequenceEqual(data.AsSpan(768 << 10)).ShouldBeTrue();
        Should.Throw<ArgumentException>(() => lun.Write(new LunByteOffset(sector / 2), new byte[sector]));
        Should.Throw<LunException>(() => lun.Write(new LunByteOffset(Size), new byte[sector])).Error.ShouldBe(LunError.OutOfRange);
    }

    [NeedsFact(Machine.Root, "losetup")]
    public void Processes_of_Covol_share_it_and_nobody_else_gets_it()
    {
        using var device = LoopDevice.Attach(Backing());
        using var first = FileLun.OpenDevice(device.Path, Tables, NullLogger.Instance);
        using var second = FileLun.OpenDevice(device.Path, Tables, NullLogger.Instance);

        // Another program claims in the same way, and knows nothing of our lock.
        Should.Throw<LunException>(() => FileLun.OpenDevice(device.Path, $"{_folder}/other", NullLogger.Instance)).Message
            .ShouldContain("in use by another program");

        // Whoever is left takes the claim when it takes the LUN.
        first.Dispose();
        second.Register(new ReservationKey(1));
        second.Reserve();
        Should.Throw<LunException>(() => FileLun.OpenDevice(device.Path, $"{_folder}/other", NullLogger.Instance));
        second.Dispose();
        FileLun.OpenDevice(device.Path, $"{_folder}/other", NullLogger.Instance).Dispose();
    }

    [NeedsTheory(Machine.Root, "losetup")]
    [InlineData(true)]
    [InlineData(false)]
    public void Another_program_gets_it_for_itself_only_where_the_claim_is_left_out(bool claims)
    {
        using var device = LoopDevice.Attach(Backing());
        using var lun = FileLun.OpenDevice(device.Path, Tables, NullLogger.Instance, claims);
        lun.Register(new ReservationKey(1));

        // As any other program asks for it: it knows nothing of the lock that our processes share.
        var claim = () => BlockDeviceClaim.TryTake(device.Path, $"{_folder}/other.claim").ShouldNotBeNull().Dispose();

        if (claims)
        {
            Should.Throw<LunException>(claim).Message.ShouldContain("in use by another program");
        }
        else
        {
            claim();
        }
    }

    [NeedsFact(Machine.Root, "losetup")]
    public void Within_one_machine_it_is_fenced_like_a_file()
    {
        using var device = LoopDevice.Attach(Backing());
        using var first = FileLun.OpenDevice(device.Path, Tables, NullLogger.Instance);
        using var second = FileLun.OpenDevice(device.Path, Tables, NullLogger.Instance);
        first.Register(new ReservationKey(11));
        second.Register(new ReservationKey(12));
        first.Reserve();
        second.Write(default, new byte[4096]);

        first.PreemptAndAbort(new ReservationKey(11), new ReservationKey(12), TimeSpan.FromSeconds(5));

        Should.Throw<LunException>(() => second.Write(default, new byte[4096])).Error.ShouldBe(LunError.ReservationConflict);
        first.Write(default, new byte[4096]);
        first.ReadKeys().ShouldBe([new ReservationKey(11)]);
    }

    [NeedsFact(Machine.Root)]
    public void What_is_no_block_device_is_refused()
    {
        Should.Throw<LunException>(() => FileLun.OpenDevice(Backing(), Tables, NullLogger.Instance)).Message.ShouldContain("not a block device");
        Should.Throw<LunException>(() => FileLun.OpenDevice($"{_folder}/none", Tables, NullLogger.Instance)).Error.ShouldBe(LunError.NotFound);
    }

    private string Backing()
    {
        using var file = new FileStream($"{_folder}/backing", FileMode.Create);
        file.SetLength(Size);
        return file.Name;
    }
}
