using Covol.Protocol.Ids;

namespace Covol.VolumeClient;

/// <summary>Shows attributes and names for as long as it was told they are valid: the kernel, behind its mount.</summary>
public interface IAttributeWatcher
{
    /// <summary>
    /// What was told of these files before is not to be shown any more, nor, where <paramref name="names"/> is set, any name. Any thread;
    /// does not wait. When it returns the old is not shown.
    /// </summary>
    void Outdated(IReadOnlyCollection<FileId> files, bool names);
}
