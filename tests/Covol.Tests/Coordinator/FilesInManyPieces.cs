using System.Collections;
using Covol.Coordinator.Data;
using Covol.Ntfs;
using Covol.Protocol.Units;
using Covol.Tests.Coordinator.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Coordinator;

/// <summary>A file of a hundred thousand pieces: what is asked of each of its blocks must not cost a look at every piece.</summary>
public sealed class FilesInManyPieces
{
    private const int Pieces = 100_000;
    private const int Cluster = 4096;

    /// <summary>Seventeen halves lead to one of a hundred thousand; then the piece itself and its neighbours.</summary>
    private const int LooksMax = 30;

    private static readonly ArrayLun s_lun = new(1 << 20);
    private static readonly FileData s_data = new(s_lun);

    [Theory]
    [InlineData(0)]
    [InlineData(Pieces / 2)]
    [InlineData(Pieces - 1)]
    public void Whether_a_block_has_a_place_is_found_by_halves(int cluster)
    {
        var extents = new CountedExtents(gapAt: -1);

        s_data.Covers(MapOf(extents), (long)cluster * Cluster, (cluster + 1L) * Cluster).ShouldBeTrue();

        extents.Looks.ShouldBeLessThan(LooksMax);
    }

    [Theory]
    [InlineData(0, 1, true)]
    [InlineData(499, 500, true)]
    [InlineData(499, 501, false)]
    [InlineData(500, 501, false)]
    [InlineData(500, 502, false)]
    [InlineData(501, 503, true)]
    [InlineData(Pieces - 1, Pieces, true)]
    [InlineData(Pieces - 1, Pieces + 1, false)]
    [InlineData(Pieces, Pieces + 1, false)]
    [InlineData(700, 700, true)]
    public void A_range_has_a_place_where_no_part_of_it_is_a_hole_or_behind_the_end(int from, int to, bool hasPlace)
    {
        var extents = new CountedExtents(gapAt: 500);

        s_data.Covers(MapOf(extents), (long)from * Cluster, (long)to * Cluster).ShouldBe(hasPlace);
    }

    private static FileMap MapOf(CountedExtents extents)
    {
        var size = new ByteCount((long)Pieces * Cluster);
        return new FileMap(extents, size, size, size);
    }

    /// <summary>Pieces of a cluster each, in reverse order on the LUN, one of them missing; counts how often it is asked for one.</summary>
    private sealed class CountedExtents(int gapAt) : IReadOnlyList<FileExtent>
    {
        public int Looks { get; private set; }

        public int Count => gapAt < 0 ? Pieces : Pieces - 1;

        public FileExtent this[int index]
        {
            get
            {
                Looks++;
                var cluster = gapAt < 0 || index < gapAt ? index : index + 1;
                return new FileExtent(
                    new FileByteOffset((long)cluster * Cluster), new LunByteOffset((long)(Pieces - cluster) * Cluster), new ByteCount(Cluster));
            }
        }

        public IEnumerator<FileExtent> GetEnumerator()
        {
            for (var index = 0; index < Count; index++)
            {
                yield return this[index];
            }
        }

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
