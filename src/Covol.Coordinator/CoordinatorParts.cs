using Covol.Coordinator.Driver;
using Covol.Coordinator.OwnKey;
using Covol.Lun;
using Covol.Ntfs;
using Covol.Protocol.Ids;
using Microsoft.Extensions.Logging;

namespace Covol.Coordinator;

/// <summary>What a <see cref="VolumeCoordinator"/> works with. It owns none of it.</summary>
public sealed record CoordinatorParts
{
    public required string VolumeName { get; init; }

    public required Epoch Epoch { get; init; }

    /// <summary>Recovered, and used by nobody else from now on.</summary>
    public required INtfsVolume Volume { get; init; }

    /// <summary>The volume's own thread.</summary>
    public required MetadataThread Metadata { get; init; }

    /// <summary>What the journal kept of the earlier coordinator's state.</summary>
    public required JournalRecovery Recovered { get; init; }

    /// <summary>For file data. Written under <see cref="OwnKey"/>.</summary>
    public required IBlockDevice Lun { get; init; }

    public required IReservations Reservations { get; init; }

    /// <summary>The coordinator's own key, registered.</summary>
    public required ReservationKey OwnKey { get; init; }

    /// <summary>Tells whether <see cref="OwnKey"/> still rules; asked before each answer leaves.</summary>
    public required IOwnKey OwnKeyLife { get; init; }

    public required TimeProvider Time { get; init; }

    public required ILoggerFactory Loggers { get; init; }

    public CoordinatorOptions Options { get; init; } = new();

    /// <summary>
    /// Called once, from any thread, when the state is not to be trusted any more. Nothing is answered from then on; the owner
    /// ends the process.
    /// </summary>
    public required Action<string, Exception?> Failed { get; init; }

    /// <summary>For the simulation: null everywhere else.</summary>
    internal ISteppedThreads? Stepped { get; init; }
}
