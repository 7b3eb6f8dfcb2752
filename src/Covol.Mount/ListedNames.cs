using System.Text;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;

namespace Covol.Mount;

/// <summary>
/// What a directory's listing told, numbered from 0 on, packed: a million names of twenty letters take 35 MB and not 140, and the mount's memory is
/// locked. Not for several threads at once.
/// </summary>
internal sealed class ListedNames
{
    private readonly List<Page> _pages = [];

    // Of each page the number of its first entry.
    private readonly List<int> _starts = [];

    public int Count { get; private set; }

    /// <summary>Null while there is none.</summary>
    public string? LastName => Count == 0 ? null : this[Count - 1].Name;

    public (string Name, FileReference File, FileKind Kind) this[int number]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(number);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(number, Count);
            var found = _starts.BinarySearch(number);
            var page = found >= 0 ? found : ~found - 1;
            return _pages[page].At(number - _starts[page]);
        }
    }

    public void Add(IReadOnlyList<DirectoryEntry> entries)
    {
        if (entries.Count > 0)
        {
            _pages.Add(new Page(entries));
            _starts.Add(Count);
            Count = checked(Count + entries.Count);
        }
    }

    public void Clear()
    {
        _pages.Clear();
        _starts.Clear();
        Count = 0;
    }

    private sealed class Page
    {
        private readonly byte[] _text;

        // Where each name ends.
        private readonly int[] _ends;
        private readonly FileReference[] _files;
        private readonly FileKind[] _kinds;

        public Page(IReadOnlyList<DirectoryEntry> entries)
        {
            _text = new byte[entries.Sum(entry => Encoding.UTF8.GetByteCount(entry.Name))];
            _ends = new int[entries.Count];
            _files = new FileReference[entries.Count];
            _kinds = new FileKind[entries.Count];
            var end = 0;
            for (var index = 0; index < entries.Count; index++)
            {
                var entry = entries[index];
                end += Encoding.UTF8.GetBytes(entry.Name, _text.AsSpan(end));
                (_ends[index], _files[index], _kinds[index]) = (end, entry.File.Reference, entry.Kind);
            }
        }

        public (string Name, FileReference File, FileKind Kind) At(int index)
        {
            var start = index == 0 ? 0 : _ends[index - 1];
            return (Encoding.UTF8.GetString(_text.AsSpan(start, _ends[index] - start)), _files[index], _kinds[index]);
        }
    }
}
