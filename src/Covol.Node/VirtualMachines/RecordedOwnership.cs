using Covol.Protocol.Ids;
using Covol.Protocol.Store;
using Covol.VirtualMachines.Migration;

namespace Covol.Node.VirtualMachines;

/// <summary>Names the node that may run a migrating machine in its record, while the guest stands.</summary>
internal sealed class RecordedOwnership : IMigrationOwnership
{
    private readonly VirtualMachineRoles _roles;
    private readonly string _name;
    private readonly NodeId _source;
    private readonly NodeId _target;

    public RecordedOwnership(VirtualMachineRoles roles, string name, NodeId source, NodeId target)
    {
        _roles = roles;
        _name = name;
        _source = source;
        _target = target;
    }

    public async Task MoveAsync(CancellationToken cancellation) => await _roles.SetAsync(
        _name,
        seen => seen.State == VirtualMachineState.Migrating && (seen.Node == _source || seen.Node == _target)
            ? seen with { Node = _target }
            : throw new NodeException($"{_name} is {seen.State} on {seen.Node}: somebody else has changed it during its move."),
        cancellation).ConfigureAwait(false);

    public async Task KeepAsync(CancellationToken cancellation) => await _roles.SetAsync(
        _name,
        seen => seen.State == VirtualMachineState.Migrating && seen.Node == _target ? seen with { Node = _source } : null,
        cancellation).ConfigureAwait(false);
}
