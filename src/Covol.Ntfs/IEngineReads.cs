using Covol.Protocol.Ids;

namespace Covol.Ntfs;

/// <summary>Reads data that does not lie on the LUN as it is: compressed files, and small ones within their MFT record.</summary>
public interface IEngineReads
{
    /// <summary>Bytes as programs see them, fewer at the file's end. On the metadata thread. Throws as <see cref="INtfsVolume.Map"/>.</summary>
    byte[] Read(FileId file, long position, int length);
}
