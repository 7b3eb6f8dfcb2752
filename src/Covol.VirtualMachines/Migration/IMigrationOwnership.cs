namespace Covol.VirtualMachines.Migration;

/// <summary>The cluster's record of which node may run the guest. Changed while the guest stands and the source still holds the
/// locks
/// of its disks.</summary>
public interface IMigrationOwnership
{
    /// <summary>Names the destination. Throws when that did not happen, or may not.</summary>
    Task MoveAsync(CancellationToken cancellation);

    /// <summary>Names the source again, whether <see cref="MoveAsync"/> took effect or not.</summary>
    Task KeepAsync(CancellationToken cancellation);
}
