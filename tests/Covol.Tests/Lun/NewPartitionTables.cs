using Covol.Lun;
using Covol.Protocol.Units;
using Covol.Tests.Ntfs.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Lun;

/// <summary>Partition tables that Covol makes: whole, aligned, found by its own reader, and none when the way to them was cut.</summary>
public sealed class NewPartitionTables
{
    private static readonly Guid s_disk = new("AAAAAAAA-2222-3333-4444-555555555555");
    private static readonly Guid s_unique = new("BBBBBBBB-2222-3333-4444-555555555555");

    [Theory]
    [InlineData(512, 64 << 20)]
    [InlineData(4096, 64 << 20)]
    [InlineData(512, (33 << 20) + 512)]
    public void A_table_has_one_partition_of_whole_MiB_from_the_first_on(int block, int size)
    {
        using var lun = new MemoryBlockDevice(new ByteCount(size), block);
        lun.Write(default, Enumerable.Repeat((byte)0x5A, 65_536).ToArray());
        lun.Write(new LunByteOffset(lun.Size.Value - 65_536), Enumerable.Repeat((byte)0x5A, 65_536).ToArray());

        var partition = NewPartitionTable.PlaceOn(lun);
        NewPartitionTable.ClearAround(lun, partition);
        NewPartitionTable.Write(lun, partition, s_disk, s_unique, "a name that is longer than what an entry of the table can hold");

        partition.Start.Value.ShouldBe(1 << 20);
        (partition.Length.Value % (1 << 20)).ShouldBe(0);
        partition.Length.Value.ShouldBeInRange(lun.Size.Value - (3 << 20), lun.Size.Value - (1 << 20) - (33 * block));
        PartitionTable.Read(lun).ShouldNotBeNull().At(1 << 20).ShouldBe(partition);
    }

    [Fact]
    public void It_can_be_made_twice_over_another_one()
    {
        using var lun = new MemoryBlockDevice(ByteCount.FromMebibytes(64), 512);
        new GptImage(lun, 512).Add(GptImage.Linux, 2 << 20, 8 << 20).Add(GptImage.BasicData, 20 << 20, 8 << 20).Write();

        var partition = NewPartitionTable.PlaceOn(lun);
        NewPartitionTable.ClearAround(lun, partition);
        PartitionTable.Read(lun).ShouldBeNull();
        NewPartitionTable.Write(lun, partition, s_disk, s_unique, "new");

        PartitionTable.Read(lun).ShouldNotBeNull().At(1 << 20).Number.ShouldBe(1);
        Should.Throw<LunException>(() => PartitionTable.Read(lun)!.At(20 << 20));
    }

    [Fact]
    public void A_cut_on_the_way_leaves_no_table_or_the_whole_one()
    {
        var before = new SnapshotDevice(ByteCount.FromMebibytes(64));
        var partition = NewPartitionTable.PlaceOn(before);
        using var log = new RecordingBlockDevice(before.Snapshot());
        NewPartitionTable.Write(log, partition, s_disk, s_unique, "cut");
        var (none, whole) = (0, 0);
        foreach (var unflushed in Enum.GetValues<CrashPoints.Unflushed>())
        {
            foreach (var (_, disk) in new CrashPoints(before, log.Log).All(_ => true, unflushed, new Random(1)))
            {
                if (PartitionTable.Read(disk) is { } table)
                {
                    table.At(1 << 20).ShouldBe(partition);
                    whole++;
                }
                else
                {
                    none++;
                }
            }
        }

        none.ShouldBeGreaterThan(10);
        whole.ShouldBeGreaterThan(3);
    }

    [Fact]
    public void What_has_no_room_for_it_or_other_blocks_is_refused_with_a_sentence()
    {
        using var small = new MemoryBlockDevice(ByteCount.FromMebibytes(1), 512);
        Should.Throw<LunException>(() => NewPartitionTable.PlaceOn(small)).Message.ShouldContain("no room");
        using var other = new MemoryBlockDevice(ByteCount.FromMebibytes(64), 2048);
        Should.Throw<LunException>(() => NewPartitionTable.PlaceOn(other)).Message.ShouldContain("Leave out --gpt");
    }
}
