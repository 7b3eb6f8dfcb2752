using Covol.Lun.Reservations;
using Shouldly;
using Xunit;

namespace Covol.Tests.Lun;

public sealed class RegistrantTests
{
    [Fact]
    public void This_process_lives()
    {
        using var found = Registrant.Find(Environment.ProcessId, Registrant.StartTime(Environment.ProcessId)!.Value);

        found.HasEnded.ShouldBeFalse();
        found.IsThisProcess.ShouldBeTrue();
    }

    [Fact]
    public void A_process_that_only_has_the_same_id_is_not_taken_for_it()
    {
        using var found = Registrant.Find(Environment.ProcessId, Registrant.StartTime(Environment.ProcessId)!.Value - 1);

        found.HasEnded.ShouldBeTrue();
        found.IsThisProcess.ShouldBeFalse();
        // Must not reach the process that has the id now: this one.
        found.Kill();
    }

    [Fact]
    public void An_id_that_nobody_has_is_an_ended_process()
    {
        // Above the largest id the kernel gives (PID_MAX_LIMIT, linux/threads.h).
        using var found = Registrant.Find((1 << 22) + 1, 1);

        found.HasEnded.ShouldBeTrue();
        Registrant.StartTime((1 << 22) + 1).ShouldBeNull();
    }
}
