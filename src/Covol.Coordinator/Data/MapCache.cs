using Covol.Ntfs;
using Covol.Protocol.Ids;

namespace Covol.Coordinator.Data;

/// <summary>
/// Maps of files that are being read and written redirected, so that not every block asks the metadata thread. On the
/// coordinator's
/// thread; whoever changes a file's map inside its gate puts the new one.
/// </summary>
internal sealed class MapCache
{
    private const int FilesMax = 1_024;

    private readonly Dictionary<FileId, FileMap> _maps = [];

    public FileMap? Find(FileId file) => _maps.GetValueOrDefault(file);

    /// <summary>
    /// Keeps the newer of two maps: while a file is in here it only grows (a cut removes it first; a hole is filled while nobody asks), and a
    /// map that was asked for before an extension may arrive after it. An older valid length would let the next write zero what is there.
    /// </summary>
    public void Put(FileId file, FileMap map)
    {
        if (_maps.TryGetValue(file, out var known)
            && (known.ValidLength > map.ValidLength || known.Size > map.Size || known.Allocated > map.Allocated))
        {
            return;
        }

        if (_maps.Count >= FilesMax && !_maps.ContainsKey(file))
        {
            _maps.Clear();
        }

        _maps[file] = map;
    }

    public void Remove(FileId file) => _maps.Remove(file);
}
