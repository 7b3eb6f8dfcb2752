namespace Covol.Fuse;

/// <summary>Limits of a FUSE server.</summary>
public sealed record FuseOptions
{
    /// <summary>Largest READ or WRITE in bytes: 256 pages, the kernel's default limit (fs.fuse.max_pages_limit).</summary>
    public const int TransferMax = 1 << 20;

    /// <summary>
    /// Requests that may be in the server at a time, waiting ones included; further ones stay in the kernel. Each has room
    /// for the
    /// largest request, which is address space only until it is touched.
    /// </summary>
    public int RequestsMax { get; init; } = 512;

    /// <summary>
    /// So many requests, those that are used first, have their memory registered with the ring and kept in memory.
    /// </summary>
    public int RegisteredMax { get; init; } = 32;

    /// <summary>
    /// Lock requests that may wait at a time. Further ones get ENOLCK: they must not keep the unlock from being read.
    /// </summary>
    public int BlockingLocksMax { get; init; } = 128;

    /// <summary>Requests of asynchronous I/O that the kernel keeps in flight (its own default is 12).</summary>
    public int BackgroundMax { get; init; } = 256;

    /// <summary>Granularity of the file system's times in nanoseconds.</summary>
    public int TimeGranularity { get; init; } = 1;

    /// <summary>Name of the server's thread.</summary>
    public string Name { get; init; } = "fuse";
}
