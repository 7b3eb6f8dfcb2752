namespace Covol.Protocol.Ids;

/// <summary>
/// Names one file for its whole life. The sequence number of a file reference wraps after 65,536 lives of a record, which takes
/// seconds, so the birth time goes along; a mismatch is <see cref="Volume.VolumeError.Stale"/> (SAFETY 24).
/// </summary>
/// <param name="Reference">Where its MFT record is.</param>
/// <param name="Birth">The creation time in NTFS's $STANDARD_INFORMATION, 100 ns units since 1601.</param>
public readonly record struct FileId(FileReference Reference, long Birth)
{
    public override string ToString() => $"file {Reference}@{Birth:x}";
}
