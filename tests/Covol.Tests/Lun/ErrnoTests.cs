using Covol.Lun;
using Shouldly;
using Xunit;

namespace Covol.Tests.Lun;

public sealed class ErrnoTests
{
    [Theory]
    [InlineData(Interop.Errno.EIO, LunError.MediaFailed)]
    [InlineData(Interop.Errno.ENOSPC, LunError.NoSpace)]
    [InlineData(Interop.Errno.EDQUOT, LunError.NoSpace)]
    [InlineData(Interop.Errno.ENOENT, LunError.NotFound)]
    [InlineData(Interop.Errno.EACCES, LunError.NotFound)]
    [InlineData(Interop.Errno.EFBIG, LunError.OutOfRange)]
    [InlineData(Interop.Errno.EBADE, LunError.ReservationConflict)]
    [InlineData(Interop.Errno.ETIMEDOUT, LunError.PathLost)]
    [InlineData(Interop.Errno.ENODEV, LunError.PathLost)]
    [InlineData(9999, LunError.MediaFailed)]
    public void An_errno_becomes_what_a_caller_can_do(int errno, LunError error)
    {
        var failure = Interop.Errno.Failure(errno, "Reading 512 bytes of '/x' at 0");

        failure.Error.ShouldBe(error);
        failure.HResult.ShouldBe(errno);
        failure.Message.ShouldStartWith("Reading 512 bytes of '/x' at 0 failed: ");
    }

    [Theory]
    [InlineData(Interop.Errno.EIO, true, LunError.PathLost)]
    [InlineData(9999, true, LunError.PathLost)]
    [InlineData(Interop.Errno.EIO, false, LunError.MediaFailed)]
    [InlineData(Interop.Errno.ENODATA, true, LunError.MediaFailed)]
    [InlineData(Interop.Errno.EREMOTEIO, true, LunError.MediaFailed)]
    [InlineData(Interop.Errno.ENOSPC, true, LunError.NoSpace)]
    [InlineData(Interop.Errno.EBADE, true, LunError.ReservationConflict)]
    public void A_write_that_the_device_did_not_answer_may_be_on_its_way_below_a_block_device(int errno, bool mayHavePath, LunError error)
    {
        var failure = Interop.Errno.FailedWrite(errno, "Writing 512 bytes of '/x' at 0", mayHavePath);

        failure.Error.ShouldBe(error);
        failure.HResult.ShouldBe(errno);
        failure.Message.ShouldStartWith("Writing 512 bytes of '/x' at 0 failed: ");
    }
}
