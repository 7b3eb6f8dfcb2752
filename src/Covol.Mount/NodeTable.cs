using System.Collections.Concurrent;
using Covol.Protocol;
using Covol.Protocol.Ids;
using Covol.Protocol.Volume;

namespace Covol.Mount;

/// <summary>
/// The inodes that the kernel knows. Its node id is the file reference, 1 for the root, so that ids stay valid when a mount process
/// is started again; the table adds the birth stamp that tells a file from its successor in the same record (SAFETY 24). Any thread.
/// </summary>
internal sealed class NodeTable
{
    /// <summary>FUSE_ROOT_ID. No file has it: reference 1 would be $MFTMirr, which is never shown.</summary>
    public const ulong Root = 1;

    private readonly ConcurrentDictionary<ulong, Known> _known = new();
    private readonly FileId _root;

    public NodeTable(FileId root) => _root = root;

    public int Count => _known.Count;

    public ulong NodeOf(FileId file)
    {
        if (file.Reference == _root.Reference)
        {
            return Root;
        }

        Invariant.Holds(file.Reference.Value > Root, "A file has the node id of the root.");
        return file.Reference.Value;
    }

    /// <summary>Whether the kernel knows the file, so that it can be told to let go of its attributes.</summary>
    public bool IsKnown(FileId file) =>
        file.Reference == _root.Reference || (_known.TryGetValue(file.Reference.Value, out var known) && known.Birth == file.Birth);

    /// <summary>The kernel is told of a file once more, and will forget it as often.</summary>
    public ulong LookedUp(FileId file)
    {
        var node = NodeOf(file);
        if (node != Root)
        {
            // A new life of the record replaces the old one: requests for that one name the new birth and are Stale where it matters.
            _known.AddOrUpdate(
                node,
                static (_, birth) => new Known(birth, 1),
                static (_, known, birth) => new Known(birth, known.Lookups + 1),
                file.Birth);
        }

        return node;
    }

    public void Forgotten(ulong node, ulong lookups)
    {
        while (node != Root && _known.TryGetValue(node, out var known))
        {
            var left = known.Lookups > lookups ? known.Lookups - lookups : 0;
            var done = left == 0
                ? _known.TryRemove(new KeyValuePair<ulong, Known>(node, known))
                : _known.TryUpdate(node, known with { Lookups = left }, known);
            if (done)
            {
                return;
            }
        }
    }

    /// <summary>Throws Stale for a node that the kernel was never told of, or gave back.</summary>
    public FileId Resolve(ulong node) => TryResolve(node, out var file)
        ? file
        : throw new VolumeException(VolumeError.Stale, $"Node {node:x} is not known here.");

    public bool TryResolve(ulong node, out FileId file)
    {
        var isKnown = _known.TryGetValue(node, out var known);
        file = node == Root ? _root : new FileId(new FileReference(node), known.Birth);
        return isKnown || node == Root;
    }

    private readonly record struct Known(long Birth, ulong Lookups);
}
