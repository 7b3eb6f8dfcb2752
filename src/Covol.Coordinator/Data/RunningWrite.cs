using Covol.Protocol.Ids;
using Covol.Protocol.Units;

namespace Covol.Coordinator.Data;

/// <summary>A redirected write inside the coordinator, from its arrival to its answer.</summary>
internal sealed class RunningWrite(FileId file, Moment since)
{
    public FileId File => file;

    public Moment Since => since;

    /// <summary>Its client may have told its program that it failed, so what the program writes next must not be overtaken by it.</summary>
    public bool InDoubt { get; set; }
}
