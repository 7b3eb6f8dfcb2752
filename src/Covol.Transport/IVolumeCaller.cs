using Covol.Protocol.Ids;
using Covol.Protocol.Volume;

namespace Covol.Transport;

/// <summary>The other end of a served connection.</summary>
public interface IVolumeCaller
{
    /// <summary>The node that the connection's credentials name: the certificate's, or this node on the Unix socket.</summary>
    NodeId Node { get; }

    /// <summary>Sends a notice without waiting. On a broken connection it is lost; what matters is sent again by its sender.</summary>
    void Notify(VolumeNotice notice);

    /// <summary>Ends the connection after a protocol violation.</summary>
    void Close(string reason);
}
