using Covol.Coordinator.Sessions;
using Covol.Protocol.Units;

namespace Covol.Coordinator.Driver;

/// <summary>
/// How long a request that zeroes or fills much may keep others from its file: it looks between two steps and leaves the gate when the time
/// is over. So does one whose session is ending, or whose client has given it up: nothing of it must come after what is written then (I3).
/// On the coordinator's thread.
/// </summary>
internal sealed class Hold(CoordinatorThread thread, TimeSpan length, Session session, Slot slot)
{
    private readonly Moment _ends = thread.Now + length;

    public bool IsOver => thread.Now >= _ends || session.IsEnding || slot.Write is { InDoubt: true };
}
