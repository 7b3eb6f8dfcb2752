using Covol.Protocol.Ids;
using Covol.Protocol.Units;

namespace Covol.Ntfs;

/// <summary>
/// Small files in one change each: their data goes through the journal, as metadata does. Part of <see cref="INtfsVolume"/>, whose rules
/// hold.
/// </summary>
/// <remarks>
/// What was journalled may be replayed over its place [SAFETY 15]. So this is done only where nobody can have written that place since: the
/// file had no clusters, or all of them were journalled in this lap. Whoever maps the file afterwards asks
/// <see cref="INtfsVolume.MustCheckpointBefore"/>, as always, and from then on it is a file like others.
/// </remarks>
public interface INtfsSmallFiles
{
    /// <summary>Files up to this size.</summary>
    const int SmallMax = 64 << 10;

    /// <summary>
    /// Writes at a position, or at the file's end (null), and makes it valid, all in the next commit. Null: the file is not of this kind,
    /// nothing was done, and the write goes the ordinary way.
    /// </summary>
    (FileByteOffset Start, ByteCount Size)? TryWrite(FileId file, long? position, ReadOnlyMemory<byte> data, FileTime modified);

    /// <summary>What programs see of a small file whose data nobody may write past the journal; null: the file is not of this kind.</summary>
    byte[]? TryRead(FileId file, long position, int length);

    /// <summary>
    /// Takes the only name of a small file away and frees it, in one change. The caller knows that nobody has it open or a layout of it. False:
    /// the name leads elsewhere, or the file is of another kind, and nothing was done.
    /// </summary>
    bool TryRemove(FileId directory, string name, FileId file);
}
