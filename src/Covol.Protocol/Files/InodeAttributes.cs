using Covol.Protocol.Ids;
using Covol.Protocol.Units;

namespace Covol.Protocol.Files;

/// <summary>What <c>stat</c> tells of a file. The birth time is in <see cref="FileId.Birth"/>.</summary>
/// <param name="File">Which file.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Mode">Permission, set-id and sticky bits: the low 12 bits of <c>st_mode</c>.</param>
/// <param name="Owner">User id.</param>
/// <param name="Group">Group id.</param>
/// <param name="LinkCount">Names it has; 0 for one that is open but unlinked.</param>
/// <param name="Size">Data size as programs see it.</param>
/// <param name="Allocated">Bytes of the LUN it takes.</param>
/// <param name="Device">Device number of a device node, as <c>st_rdev</c> holds it.</param>
/// <param name="Accessed">Last access.</param>
/// <param name="Modified">Last change of the data.</param>
/// <param name="Changed">Last change of the inode.</param>
/// <param name="IsPlain">It has no extended attributes that programs see; false: it may have some.</param>
public sealed record InodeAttributes(
    FileId File,
    FileKind Kind,
    int Mode,
    uint Owner,
    uint Group,
    int LinkCount,
    ByteCount Size,
    ByteCount Allocated,
    uint Device,
    FileTime Accessed,
    FileTime Modified,
    FileTime Changed,
    bool IsPlain = false);
