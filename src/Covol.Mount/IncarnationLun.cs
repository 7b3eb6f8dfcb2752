using Covol.Lun;

namespace Covol.Mount;

/// <summary>
/// The LUN as this incarnation of the data path has it open: one opened LUN is one nexus with one key, so the next incarnation opens it
/// again. The ring's calls go to the present one; they come only from requests that pin a layout, and it is exchanged only while none
/// is pinned and none published, so an I/O leaves the gate that it entered. Allocates nothing.
/// </summary>
internal sealed class IncarnationLun : IRingTarget
{
    private volatile ILun _present;

    public IncarnationLun(ILun first) => _present = first;

    public ILun Present => _present;

    public int Descriptor => _present.Descriptor;

    public long DescriptorOffset => _present.DescriptorOffset;

    public bool FailedWritesAreOver => _present.FailedWritesAreOver;

    public bool TryEnter() => _present.TryEnter();

    public void Leave() => _present.Leave();

    /// <summary>Answers the one before, which is the caller's now.</summary>
    public ILun Exchange(ILun next)
    {
        var before = _present;
        _present = next;
        return before;
    }
}
