using Covol.Protocol.Ids;

namespace Covol.Coordinator.Data;

/// <summary>
/// Which files were written since the LUN was last flushed, and which of them a flush that failed may have lost. On the coordinator's
/// thread. A device that failed a flush may have thrown away what it held, and says "done" to the next flush; so one failure counts for
/// every file that had unflushed writes, until all who had it open have closed it.
/// </summary>
/// <remarks>
/// Who writes directly is not seen here, so a file that somebody may write directly counts as written. A file that was written, flushed in
/// vain and not written since says so at each synchronisation, not once: its owner may ask again (QEMU does after <c>cont</c>) without
/// writing again what is lost, and "done" would be a lie then.
/// </remarks>
internal sealed class FlushLedger
{
    /// <summary>Files whose writes are followed one by one; with more, every open file counts as written.</summary>
    private const int FilesMax = 65_536;

    /// <summary>File → how many flushes had begun when it was last written.</summary>
    private readonly Dictionary<FileId, long> _written = [];

    /// <summary>File → somebody was told.</summary>
    private readonly Dictionary<FileId, bool> _lost = [];
    private long _begun;
    private bool _isOverfull;

    public int LostCount => _lost.Count;

    /// <summary>Before data goes to the LUN, and again after it: a flush in between may have covered it or not.</summary>
    public void Wrote(FileId file)
    {
        if (_written.Count >= FilesMax && !_written.ContainsKey(file))
        {
            _isOverfull = true;
            return;
        }

        _written[file] = _begun;
    }

    public long Begin() => ++_begun;

    /// <summary>What was written before the flush began is stable; files that are written directly may have been written since.</summary>
    public void Succeeded(long flush, Func<FileId, bool> isWritable)
    {
        foreach (var (file, begun) in _written)
        {
            if (begun < flush && !isWritable(file))
            {
                _written.Remove(file);
            }
        }

        _isOverfull &= _written.Count > FilesMax / 2;
    }

    /// <summary>Answers the files that are lost now and were not before.</summary>
    public IReadOnlyList<FileId> Failed(IEnumerable<FileId> open)
    {
        var accused = _isOverfull ? _written.Keys.Concat(open) : _written.Keys;
        return [.. accused.Where(file => _lost.TryAdd(file, false))];
    }

    /// <summary>From the journal: an earlier coordinator's flush failed.</summary>
    public void Inherit(FileId file) => _lost.TryAdd(file, false);

    /// <summary>Whether writes of the file were lost.</summary>
    public bool IsLost(FileId file) => _lost.ContainsKey(file);

    /// <summary>Whether writes of the file were lost; who asks is told.</summary>
    public bool TellLost(FileId file)
    {
        if (!_lost.ContainsKey(file))
        {
            return false;
        }

        _lost[file] = true;
        return true;
    }

    /// <summary>Nobody has the file open any more. True: it counts as whole again, because those who had it open know.</summary>
    public bool Closed(FileId file) => _lost.TryGetValue(file, out var told) && told && _lost.Remove(file);

    /// <summary>The file, or all it held, is gone by somebody's wish.</summary>
    public bool Emptied(FileId file)
    {
        _written.Remove(file);
        return _lost.Remove(file);
    }
}
