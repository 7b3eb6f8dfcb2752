using Covol.Protocol.Units;
using Covol.VolumeClient;
using Shouldly;
using Xunit;

namespace Covol.Tests.VolumeClient;

public sealed class PlacesTests
{
    private const int Blocks = 64;
    private const int Block = 512;

    [Fact]
    public void What_two_answers_tell_of_one_file_is_joined_whatever_they_tell()
    {
        for (var seed = 0; seed < 2_000; seed++)
        {
            var random = new Random(seed);
            var places = RandomFile(random);
            var (left, right) = (RandomPart(random, places), RandomPart(random, places));

            Places.TryJoin(Pieces(random, left), Pieces(random, right), out var joined).ShouldBeTrue($"seed {seed}");

            var expected = left.Zip(right, (known, told) => known ?? told);
            ByBlock(joined!).ShouldBe(expected, $"seed {seed}");
            Places.AreWhole(joined!, Block).ShouldBeTrue($"seed {seed}");
        }
    }

    [Fact]
    public void An_answer_that_tells_another_place_of_what_is_known_is_refused()
    {
        var refused = 0;
        for (var seed = 0; seed < 2_000; seed++)
        {
            var random = new Random(seed);
            var places = RandomFile(random);
            var (left, right) = (RandomPart(random, places), RandomPart(random, places));
            var both = Enumerable.Range(0, Blocks).Where(block => left[block] is not null && right[block] is not null).ToList();
            if (both.Count == 0)
            {
                continue;
            }

            right[both[random.Next(both.Count)]] += 1_000_000;
            refused++;
            Places.TryJoin(Pieces(random, left), Pieces(random, right), out _).ShouldBeFalse($"seed {seed}");
        }

        refused.ShouldBeGreaterThan(200);
    }

    /// <summary>Where each block lies: in rows, so that pieces of several blocks come about.</summary>
    private static long[] RandomFile(Random random)
    {
        var places = new long[Blocks];
        for (var block = 0; block < Blocks; block++)
        {
            places[block] = block > 0 && random.Next(3) > 0 ? places[block - 1] + 1 : random.Next(100_000);
        }

        return places;
    }

    private static long?[] RandomPart(Random random, long[] places)
    {
        var (from, to) = (random.Next(Blocks), random.Next(Blocks + 1));
        var holes = random.Next(4);
        return [.. places.Select((place, block) => block >= from && block < to && random.Next(8) >= holes ? (long?)place : null)];
    }

    /// <summary>Cut anywhere, as answers may cut what lies in one row.</summary>
    private static List<FileExtent> Pieces(Random random, long?[] places)
    {
        var pieces = new List<FileExtent>();
        for (var block = 0; block < places.Length; block++)
        {
            if (places[block] is not { } place)
            {
                continue;
            }

            var piece = new FileExtent(new FileByteOffset((long)block * Block), new LunByteOffset(place * Block), new ByteCount(Block));
            if (pieces.Count > 0 && pieces[^1] is { } last && last.FileEnd == piece.FileStart
                && last.LunStart + last.Length == piece.LunStart && random.Next(4) > 0)
            {
                pieces[^1] = last with { Length = last.Length + piece.Length };
            }
            else
            {
                pieces.Add(piece);
            }
        }

        return pieces;
    }

    private static List<long?> ByBlock(List<FileExtent> pieces)
    {
        var places = new List<long?>(Enumerable.Repeat((long?)null, Blocks));
        foreach (var piece in pieces)
        {
            for (long block = 0; block < piece.Length.Value / Block; block++)
            {
                places[(int)((piece.FileStart.Value / Block) + block)] = (piece.LunStart.Value / Block) + block;
            }
        }

        return places;
    }
}
