namespace Covol.Protocol.Control;

/// <summary>How one node reaches one volume's data, with Windows failover clustering's words.</summary>
public enum VolumeRouteState
{
    /// <summary>Inside layouts the node reads and writes the LUN itself.</summary>
    Direct,
    FileSystemRedirected,
    BlockRedirected,

    /// <summary>I/O waits: for a coordinator, a layout lease or a path.</summary>
    Paused,
    Unavailable,
}
