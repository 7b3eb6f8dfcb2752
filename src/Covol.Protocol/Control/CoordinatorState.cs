using Covol.Protocol.Ids;

namespace Covol.Protocol.Control;

/// <summary>What a coordinator process tells the control plane.</summary>
public sealed record CoordinatorState(
    string Volume, Epoch Epoch, CoordinatorPhase Phase, string Reason, int Sessions, int Layouts, int Locks, int OpenHandles);
