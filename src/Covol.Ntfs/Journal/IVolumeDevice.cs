namespace Covol.Ntfs.Journal;

/// <summary>What libntfs-3g reads and writes, in bytes from the volume's begin. Any offset, any length within
/// <see cref="Size"/>; one thread.</summary>
internal interface IVolumeDevice
{
    long Size { get; }

    /// <summary>Writes are taken and forgotten: for unmounting a volume whose changes were given up.</summary>
    bool DropWrites { get; set; }

    void Read(long offset, Span<byte> target);

    void Write(long offset, ReadOnlySpan<byte> source);
}
