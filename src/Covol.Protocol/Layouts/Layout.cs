using Covol.Protocol.Ids;
using Covol.Protocol.Units;

namespace Covol.Protocol.Layouts;

/// <summary>
/// A grant from the coordinator to one session: these bytes of this file are at these places of the LUN. It holds until it is
/// recalled, returned, expired or fenced. It covers only valid data: <c>[0, ValidLength)</c>. Valid length only grows while the
/// layout lives (a truncation recalls it first), so what it says stays true while others extend the file; whatever lies past it
/// is asked of the coordinator.
/// </summary>
/// <param name="File">Whose data.</param>
/// <param name="Generation">Names this grant.</param>
/// <param name="Access">Reads only, or writes too.</param>
/// <param name="Extents">Sorted, without gaps, from 0 up to at least <paramref name="ValidLength"/>.</param>
/// <param name="ValidLength">
/// Bytes from the beginning that may be read directly. Direct writes end at this, rounded <em>down</em> to the LUN's block
/// size: the
/// last, partial block is changed at the coordinator only (SAFETY 10).
/// </param>
public sealed record Layout(
    FileId File,
    LayoutGeneration Generation,
    LayoutAccess Access,
    IReadOnlyList<FileExtent> Extents,
    ByteCount ValidLength);
