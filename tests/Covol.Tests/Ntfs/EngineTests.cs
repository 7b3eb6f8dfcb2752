using Covol.Lun;
using Covol.Ntfs;
using Covol.Protocol;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Tests.Ntfs.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Ntfs;

/// <summary>Refusals, failures of the LUN, the metadata thread, the self-test.</summary>
public sealed class EngineTests
{
    [Fact]
    public void The_self_test_passes_on_this_machine() => Should.NotThrow(() => NtfsSelfTest.Run());

    [Fact]
    public void An_empty_lun_is_refused_with_a_sentence()
    {
        var empty = new SnapshotDevice(ByteCount.FromMebibytes(32));

        Should.Throw<NtfsRefusedException>(() => NtfsVolume.Open(empty, new Epoch(1), NtfsOptions.Default)).Message.ShouldContain("no NTFS volume");
    }

    [Fact]
    public void A_lun_that_is_too_small_is_refused()
    {
        var small = new SnapshotDevice(ByteCount.FromMebibytes(4));

        Should.Throw<NtfsRefusedException>(() => NtfsFormatter.Format(small, new NtfsFormatOptions { Label = "x" })).Message
            .ShouldContain("too small");
    }

    [Fact]
    public void A_volume_that_another_program_mounted_is_not_recovered()
    {
        var device = FormattedVolume.Small();
        using (var volume = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default).Volume)
        {
            volume.Create(volume.Root, "a", new NewInode(FileKind.Regular, 0x1A4, 0, 0));
            volume.Commit([]);
        }

        var geometry = VolumeGeometry.Read(device);
        var place = new LunByteOffset((geometry.MftStart * geometry.ClusterSize) + (3 * geometry.MftRecordSize));
        var record = new byte[geometry.MftRecordSize];
        device.Read(place, record);
        record[100] ^= 1;
        device.Write(place, record);

        Should.Throw<NtfsRefusedException>(() => NtfsVolume.Open(device, new Epoch(2), NtfsOptions.Default)).Message
            .ShouldContain("Another program");
    }

    [Fact]
    public void A_volume_whose_lun_fails_is_not_used_again()
    {
        var device = new FailingDevice(FormattedVolume.Small());
        using var volume = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default).Volume;
        volume.Create(volume.Root, "a", new NewInode(FileKind.Regular, 0x1A4, 0, 0));

        device.Fails = true;

        Should.Throw<LunException>(() => volume.Commit([])).Error.ShouldBe(LunError.ReservationConflict);
        Should.Throw<InvariantBrokenException>(() => volume.Lookup(volume.Root, "a"));
    }

    [Fact]
    public async Task The_metadata_thread_runs_jobs_in_order_and_knows_itself()
    {
        using var thread = new MetadataThread("test");
        var seen = new List<int>();

        var first = thread.RunAsync(() =>
        {
            thread.AssertCurrent();
            seen.Add(1);
        });
        var second = thread.RunAsync(() => seen.Count + 1);
        var third = thread.RunAsync<int>(() => throw new InvalidOperationException("a job's failure"));

        await first;
        (await second).ShouldBe(2);
        (await Should.ThrowAsync<InvalidOperationException>(third)).Message.ShouldBe("a job's failure");
        Should.Throw<InvariantBrokenException>(thread.AssertCurrent);
    }

    [Fact]
    public async Task A_volume_refuses_other_threads_than_its_own()
    {
        using var thread = new MetadataThread("test");
        var volume = await thread.RunAsync(() => NtfsVolume.Open(FormattedVolume.Small(), new Epoch(1), NtfsOptions.Default).Volume);

        Should.Throw<InvariantBrokenException>(() => volume.List(volume.Root));
        (await thread.RunAsync(() => volume.List(volume.Root))).ShouldBeEmpty();

        await thread.RunAsync(volume.Dispose);
    }

    /// <summary>Refuses all writes once told to, like a LUN from which we were fenced.</summary>
    private sealed class FailingDevice(SnapshotDevice below) : IBlockDevice
    {
        public bool Fails { get; set; }

        public ByteCount Size => below.Size;

        public int BlockSize => below.BlockSize;

        public void Read(LunByteOffset from, Span<byte> target) => below.Read(from, target);

        public void Write(LunByteOffset at, ReadOnlySpan<byte> source)
        {
            if (Fails)
            {
                throw new LunException(LunError.ReservationConflict, "The test's LUN refuses writes.");
            }

            below.Write(at, source);
        }

        public void Flush()
        {
        }

        public void WriteZeroes(LunByteOffset at, ByteCount length) => below.WriteZeroes(at, length);

        public void Discard(LunByteOffset at, ByteCount length)
        {
        }

        public void Dispose()
        {
        }
    }
}
