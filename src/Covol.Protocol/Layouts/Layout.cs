using Covol.Protocol.Ids;
using Covol.Protocol.Units;

namespace Covol.Protocol.Layouts;

/// <summary>
/// A grant from the coordinator to one session: these bytes of this file are at these places of the LUN. It holds until it is
/// recalled, returned, expired or fenced. It covers only valid data: <c>[0, ValidLength)</c>, which may be less than the file has. Valid
/// length only grows while the layout lives (a truncation recalls it first), so what it says stays true while others extend the file;
/// whatever lies past it is asked of the coordinator. With a tail, its holder alone may write first what lies between valid length and
/// <see cref="TailEnd"/>: clusters that are the file's and hold nothing that anybody may see until a <see cref="Volume.CommitLayout"/>
/// makes it valid (SAFETY 12, 13).
/// </summary>
/// <param name="File">Whose data.</param>
/// <param name="Generation">Names this grant.</param>
/// <param name="Access">Reads only, or writes too.</param>
/// <param name="Extents">
/// Sorted. What is missing up to <paramref name="ValidLength"/> are holes, or places that were not told, which are asked of the coordinator:
/// holes may be filled while the layout lives, so nobody takes them for zeroes, and nobody writes there. A tail begins where the last of
/// these extents ends.
/// </param>
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
    ByteCount ValidLength)
{
    /// <summary>
    /// The most extents that are told at once: each takes at most 35 bytes of a message (values.proto, Extent), of which 64 KiB are allowed.
    /// The places of a file in more pieces are asked for where they are needed.
    /// </summary>
    public const int ExtentsMax = 1_500;

    /// <summary>Where the tail ends; 0 without one.</summary>
    public FileByteOffset TailEnd { get; init; }

    /// <summary>The file is in more pieces than were told.</summary>
    public bool IsPart { get; init; }

    public bool HasTail => TailEnd.Value > ValidLength.Value;
}
