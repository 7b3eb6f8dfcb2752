using Covol.Cli;
using Covol.Cli.Commands;
using Covol.Cli.Disks;
using Shouldly;
using Xunit;

namespace Covol.Tests.Cli;

/// <summary>Sizes, tables and progress as people read them.</summary>
public sealed class Printing
{
    [Theory]
    [InlineData("1", 1L)]
    [InlineData("512M", 512L << 20)]
    [InlineData("8g", 8L << 30)]
    [InlineData("131080K", 131080L << 10)]
    [InlineData("2T", 2L << 40)]
    public void A_size_is_read(string text, long bytes) => ByteSize.Parse(text).ShouldBe(bytes);

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("-1G")]
    [InlineData("1.5G")]
    [InlineData("8 G")]
    [InlineData("8Z")]
    [InlineData("99999999T")]
    public void What_is_no_size_is_refused(string text) =>
        Should.Throw<CommandException>(() => ByteSize.Parse(text)).Message.ShouldContain($"'{text}' is not a size");

    [Theory]
    [InlineData(0L, "0 B")]
    [InlineData(1023L, "1023 B")]
    [InlineData(1536L, "1.5 KiB")]
    [InlineData(8L << 30, "8.0 GiB")]
    [InlineData(3L << 50, "3072.0 TiB")]
    public void A_size_is_shown(long bytes, string text) => ByteSize.Show(bytes).ShouldBe(text);

    [Fact]
    public void A_table_is_as_wide_as_its_content_and_ends_no_line_with_blanks()
    {
        using var output = new StringWriter();

        Table.Write(output, (IReadOnlyList<(string, string)>)[("a", ""), ("longer", "x")], ("Name", row => row.Item1), ("Why", row => row.Item2));

        output.ToString().Split('\n').ShouldBe(["NAME     WHY", "a", "longer   x", ""]);
    }

    [Fact]
    public void An_empty_table_says_so()
    {
        using var output = new StringWriter();

        Table.Write(output, Array.Empty<string>(), ("Name", row => row));

        output.ToString().ShouldBe($"None.{Environment.NewLine}");
    }

    [Fact]
    public async Task Work_that_is_done_at_once_says_nothing()
    {
        using var output = new StringWriter();

        (await new Progress(output, TimeProvider.System).WhileAsync("moving", Task.FromResult(7))).ShouldBe(7);

        output.ToString().ShouldBeEmpty();
    }

    [Fact]
    public async Task Work_that_takes_long_says_what_it_is_in_plain_lines()
    {
        using var output = new StringWriter();
        var work = new TaskCompletionSource();
        var clock = new SteppingTime();

        var waiting = new Progress(output, clock).WhileAsync("moving V", work.Task);
        foreach (var seconds in (int[])[1, 10])
        {
            await clock.TimerIsSetAsync();
            clock.Advance(TimeSpan.FromSeconds(seconds));
        }

        await clock.TimerIsSetAsync();
        work.SetResult();
        await waiting;

        output.ToString().ShouldBe($"moving V …{Environment.NewLine}moving V … 11 s{Environment.NewLine}");
    }

    [Fact]
    public void The_guest_of_a_fixed_VHD_sees_what_its_footer_says()
    {
        var file = Path.GetTempFileName();
        try
        {
            var image = new byte[4096 + 512];
            "conectix"u8.CopyTo(image.AsSpan(4096));
            System.Buffers.Binary.BinaryPrimitives.WriteInt64BigEndian(image.AsSpan(4096 + 48), 4096);
            System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(image.AsSpan(4096 + 60), 2);
            File.WriteAllBytes(file, image);
            FixedVhd.GuestBytes(file).ShouldBe(4096);

            System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(image.AsSpan(4096 + 60), 3);
            File.WriteAllBytes(file, image);
            FixedVhd.GuestBytes(file).ShouldBeNull("it is dynamic");

            File.WriteAllBytes(file, new byte[100]);
            FixedVhd.GuestBytes(file).ShouldBeNull("it is too short");
        }
        finally
        {
            File.Delete(file);
        }
    }
}
