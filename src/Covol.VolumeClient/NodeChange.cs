using Covol.Protocol.Ids;

namespace Covol.VolumeClient;

/// <summary>A change that this node has asked for and that is not answered yet.</summary>
/// <param name="files">What its request names.</param>
/// <param name="moment">Of the cache's stamps, when it began.</param>
/// <param name="life">Of the lease, then.</param>
/// <param name="complete">Directories among them of which all names were known.</param>
internal sealed class NodeChange(IReadOnlyList<FileId> files, long moment, long life, IReadOnlyList<FileId>? complete)
{
    public IReadOnlyList<FileId> Files => files;

    public long Moment => moment;

    public long Life => life;

    public IReadOnlyList<FileId> Complete => complete ?? [];
}
