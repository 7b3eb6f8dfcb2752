using Covol.Lun;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;

namespace Covol.Tests.Lun;

public sealed class LunUriTests
{
    [Theory]
    [InlineData("file:/var/lib/lun1.img", "/var/lib/lun1.img")]
    [InlineData("file:///var/lib/lun1.img", "/var/lib/lun1.img")]
    [InlineData("file:/with space/é", "/with space/é")]
    public void A_file_is_named_by_its_absolute_path(string text, string path)
    {
        var uri = LunUri.Parse(text);

        uri.Path.ShouldBe(path);
        uri.ToString().ShouldBe("file:" + path);
    }

    [Fact]
    public void A_block_device_and_a_partition_are_named()
    {
        var uri = LunUri.Parse("block:/dev/mapper/san#partition=1048576");

        uri.Path.ShouldBe("/dev/mapper/san");
        uri.IsBlockDevice.ShouldBeTrue();
        uri.Partition.ShouldBe(1 << 20);
        uri.ToString().ShouldBe("block:/dev/mapper/san#partition=1048576");
        LunUri.Parse("file:/with#partition=x").Path.ShouldBe("/with#partition=x");
    }

    [Theory]
    [InlineData("iscsi://10.0.0.1/iqn.2020-01.example:lun/1")]
    public void A_kind_that_comes_later_is_refused_with_a_sentence(string text)
    {
        var failure = Should.Throw<LunException>(() => LunUri.Parse(text));

        failure.Error.ShouldBe(LunError.NotFound);
        failure.Message.ShouldContain("cannot open yet");
    }

    [Theory]
    [InlineData("")]
    [InlineData("/var/lib/lun1.img")]
    [InlineData("file:lun1.img")]
    [InlineData("file://host/lun1.img")]
    [InlineData("file:/folder/")]
    [InlineData("file:")]
    [InlineData("http://x/")]
    public void Anything_else_is_refused(string text) =>
        Should.Throw<LunException>(() => LunUri.Parse(text)).Message.ShouldContain("file:/absolute/path");

    [Fact]
    public void Opening_gives_the_lun()
    {
        using var backing = new TemporaryLun();
        using var lun = LunUri.Parse("file:" + backing.Path).Open(NullLogger.Instance);

        lun.Size.Value.ShouldBe(16 << 20);
    }
}
