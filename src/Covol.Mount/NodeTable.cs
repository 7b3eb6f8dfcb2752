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

    private const uint KernelHasIt = 0;

    /// <summary>No thread has this number.</summary>
    private const uint Nobody = uint.MaxValue;

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

    /// <summary>
    /// Whether the kernel has the file's inode, so that it can be told to let go of its attributes. It makes one only after it has the answer,
    /// in the thread that asked: that it did is known once a request names the inode, and by what that thread asks next.
    /// </summary>
    /// <param name="file">Which.</param>
    /// <param name="thread">Who asks in a request of its own; 0: not known, or the answer in the making may be what told it.</param>
    public bool IsKnown(FileId file, uint thread) =>
        file.Reference == _root.Reference
        || (_known.TryGetValue(file.Reference.Value, out var known) && known.Birth == file.Birth
            && (known.ToldTo == KernelHasIt || (thread != 0 && known.ToldTo == thread)));

    /// <summary>The kernel is told of a file once more, in an answer to this thread, and will forget it as often.</summary>
    public ulong LookedUp(FileId file, uint thread)
    {
        var node = NodeOf(file);
        if (node != Root)
        {
            // A new life of the record replaces the old one: requests for that one name the new birth and are Stale where it matters.
            _known.AddOrUpdate(
                node,
                static (_, told) => told,
                static (_, known, told) => told with
                {
                    Lookups = known.Lookups + 1,
                    ToldTo = known.Birth == told.Birth ? known.ToldTo : told.ToldTo,
                },
                new Known(file.Birth, 1, thread == 0 ? Nobody : thread));
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
        if (isKnown && known.ToldTo != KernelHasIt)
        {
            // Where it was just told of once more, the next request that names it says so.
            _known.TryUpdate(node, known with { ToldTo = KernelHasIt }, known);
        }

        file = node == Root ? _root : new FileId(new FileReference(node), known.Birth);
        return isKnown || node == Root;
    }

    /// <param name="Birth">Of the file that the record held when it was told of.</param>
    /// <param name="Lookups">How often the kernel was told of it and has not given it back.</param>
    /// <param name="ToldTo">The thread whose answer told of it first, or <see cref="KernelHasIt"/>.</param>
    private readonly record struct Known(long Birth, ulong Lookups, uint ToldTo);
}
