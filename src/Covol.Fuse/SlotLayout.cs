namespace Covol.Fuse;

/// <summary>
/// How the memory of one request is laid out. The data is page-aligned, because it is the buffer of direct I/O; the kernel's
/// headers lie right before it, so that a WRITE's bytes and a READ's answer need no copy:
/// <code>
///   segments | ... body copy ... | 80 bytes: header + longest body of a transfer | data
///                                            (a reply's 16 bytes before its first byte)
/// </code>
/// </summary>
internal static class SlotLayout
{
    internal const int Page = 4096;

    /// <summary>
    /// Parts into which the I/O of one request may be split: each page of the largest one, and one for a crooked start.
    /// </summary>
    internal const int SegmentsMax = (FuseOptions.TransferMax / Page) + 8;

    /// <summary>Bytes kept for the segments: two pages.</summary>
    internal const int SegmentsLength = 2 * Page;

    /// <summary>Start of the data in the slot.</summary>
    internal const int DataStart = SegmentsLength + Page;

    /// <summary>The largest transfer and a page on both sides.</summary>
    internal const int DataLength = FuseOptions.TransferMax + (2 * Page);

    /// <summary>Distance between two slots.</summary>
    internal const int Stride = DataStart + DataLength;

    /// <summary>Header (40) and body (40) of a WRITE, which thus ends where the data begins.</summary>
    internal const int HeadersBefore = 80;

    /// <summary>Where the copy of the body lies, counted back from the data.</summary>
    internal const int BodyCopyBefore = 512;

    /// <summary>What is offered to the kernel when it hands over a request.</summary>
    internal const int ReceiveLength = HeadersBefore + DataLength;
}
