namespace Covol.Protocol.Units;

/// <summary>A run of a file's data that lies in one piece on the LUN.</summary>
public readonly record struct FileExtent(FileByteOffset FileStart, LunByteOffset LunStart, ByteCount Length)
{
    public FileByteOffset FileEnd => FileStart + Length;

    public LunByteOffset LunEnd => LunStart + Length;
}
