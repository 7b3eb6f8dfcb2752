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
}
