using Covol.Protocol.Ids;

namespace Covol.Protocol.Store;

/// <summary>A virtual machine as a role of the cluster: exactly one running copy.</summary>
/// <param name="Definition">What an administrator said.</param>
/// <param name="Node">Where it runs or last ran; null before the first start.</param>
/// <param name="State">What it does.</param>
/// <param name="MigratingTo">The destination while <see cref="VirtualMachineState.Migrating"/>.</param>
/// <param name="Run">Grows with each start of a copy (not with a migration): an older run's reports are ignored.</param>
/// <param name="Reason">Why it is in this state, as a sentence; may be empty.</param>
public sealed record VirtualMachineRecord(
    VirtualMachineDefinition Definition,
    NodeId? Node,
    VirtualMachineState State,
    NodeId? MigratingTo,
    long Run,
    string Reason);
