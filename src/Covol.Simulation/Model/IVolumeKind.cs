using Covol.Ntfs;
using Covol.Protocol.Ids;
using Covol.Simulation.Disk;
using Covol.Simulation.Parts;
using Covol.Simulation.Worlds;

namespace Covol.Simulation.Model;

/// <summary>What namespace engine the volume of a world has, and how it lies on the simulated LUN. One a world.</summary>
internal interface IVolumeKind : IDisposable
{
    /// <summary>Bytes of the LUN.</summary>
    int Size { get; }

    /// <summary>Clusters that files' data may lie in.</summary>
    int Clusters { get; }

    /// <summary>Whether a coordinator's writes among the clusters may be metadata too.</summary>
    bool HasMetadataAmongData { get; }

    /// <summary>Which of those a place is in; negative: none.</summary>
    int ClusterOf(long place);

    /// <summary>An empty volume.</summary>
    void Format(SimLun lun);

    /// <summary>Recovers the volume for a coordinator, as <see cref="NtfsVolume.Open(Lun.IBlockDevice, Epoch, NtfsOptions)"/> does.</summary>
    (INtfsVolume Volume, JournalRecovery Recovery) Open(LunNexus device, Epoch epoch, Rules rules, SimProcess process);

    /// <summary>The commit that a block that has just landed stands for; null elsewhere, and where the engine tells its commits by itself.</summary>
    ModelDisk.Commit? At(SimLun lun, long place);

    /// <summary>What is wrong with the volume as it lies there, as a sentence; null: nothing.</summary>
    string? Check(SimLun lun);
}
