using Covol.Protocol.Ids;
using Covol.Protocol.Units;

namespace Covol.Ntfs;

/// <summary>Files with holes: ranges without clusters, which read as zero. Part of <see cref="INtfsVolume"/>, whose rules hold.</summary>
/// <remarks>
/// A hole <em>behind</em> valid length may get clusters at any time, because nobody is shown what is there. One <em>inside</em> valid length gets
/// only clusters that hold zeroes, or the data, already: they come from the file's own spare ones behind its size (<see
/// cref="AddSpare"/>), are written there, flushed, and then take the hole's place in one commit (SAFETY 12, 14, I7).
/// </remarks>
public interface INtfsHoles
{
    /// <summary>Files on this volume may have holes; without it they are made whole, as <see cref="INtfsVolume.Extend"/> does.</summary>
    bool HasHoles { get; }

    /// <summary>Makes the data size at least <paramref name="size"/> without clusters for what is new. Valid length stays.</summary>
    FileMap Stretch(FileId file, ByteCount size);

    /// <summary>
    /// Gives clusters to what has none of [<paramref name="from"/>, <paramref name="to"/>), behind valid length; beyond the data size too, which
    /// stays. What lies between the present clusters and <paramref name="from"/> becomes a hole. Throws NoSpace. May come back with less than
    /// asked for, never with nothing: commit and ask again.
    /// </summary>
    FileMap Allocate(FileId file, FileByteOffset from, FileByteOffset to);

    /// <summary>So many more clusters behind the data size and all that is there already; as <see cref="INtfsVolume.Preallocate"/>.</summary>
    FileMap AddSpare(FileId file, ByteCount length);

    /// <summary>
    /// Clusters behind the data size below <paramref name="length"/> stay when what was allocated on a guess is given back (<see
    /// cref="INtfsVolume.TrimStep"/>): a program asked for them. The mark goes when the file is cut (<see cref="INtfsVolume.ShrinkStep"/>), to
    /// its present size too, and they with it.
    /// </summary>
    void KeepRoom(FileId file, ByteCount length);

    /// <summary>Up to where <see cref="KeepRoom"/> was asked for; 0: not at all.</summary>
    ByteCount RoomKept(FileId file);

    /// <summary>
    /// Spare clusters take the place of holes: each extent names whole clusters of a hole, and where on the LUN, behind the file's size, the spare
    /// ones lie that hold what the hole shall hold.
    /// </summary>
    FileMap Fill(FileId file, IReadOnlyList<FileExtent> filled);

    /// <summary>
    /// Frees clusters of [<paramref name="from"/>, <paramref name="to"/>), whole clusters, a bounded number at once; false: call again (after a
    /// commit). The caller has recalled every layout over it and, for the clusters, waited out leases of fenced nodes.
    /// </summary>
    bool PunchStep(FileId file, FileByteOffset from, FileByteOffset to);
}
