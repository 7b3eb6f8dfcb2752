using Covol.Ntfs;
using Covol.Protocol.Ids;

namespace Covol.Coordinator.Data;

/// <summary>
/// Maps of files that are being read and written redirected, so that not every block asks the metadata thread. On the coordinator's
/// thread; whoever changes a file's map inside its gate puts the new one.
/// </summary>
internal sealed class MapCache
{
    private const int FilesMax = 1_024;

    private readonly Dictionary<FileId, FileMap> _maps = [];

    public FileMap? Find(FileId file) => _maps.GetValueOrDefault(file);

    public void Put(FileId file, FileMap map)
    {
        if (_maps.Count >= FilesMax && !_maps.ContainsKey(file))
        {
            _maps.Clear();
        }

        _maps[file] = map;
    }

    public void Remove(FileId file) => _maps.Remove(file);
}
