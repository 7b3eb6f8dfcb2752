using System.Net;
using System.Net.Sockets;
using Covol.Api.Configuration;

namespace Covol.Node;

/// <summary>Looks whether the ports that the configuration gives this node are free, so that a taken one is named before anything starts.</summary>
internal static class OwnPorts
{
    /// <summary>Those that only this process listens on.</summary>
    /// <exception cref="NodeException">One is taken.</exception>
    public static void CheckFree(MemberConfiguration member)
    {
        Check(member, member.ApiPort, "the API for the other nodes");
        Check(member, member.HeartbeatPort, "heartbeats");
    }

    /// <summary>etcd's, after it failed to start.</summary>
    /// <exception cref="NodeException">One is taken.</exception>
    public static void CheckStoreFree(MemberConfiguration member)
    {
        Check(member, member.StoreClientPort, "etcd's clients");
        Check(member, member.StorePeerPort, "etcd's peers");
    }

    private static void Check(MemberConfiguration member, int port, string use)
    {
        var address = IPAddress.Parse(member.Address);
        using var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(address, port));
        }
        catch (SocketException failure) when (failure.SocketErrorCode is SocketError.AddressAlreadyInUse)
        {
            throw new NodeException(
                $"node{member.Node} needs port {member.Address}:{port} for {use}, but another program listens there. "
                + "End that program, or give the node another port in its configuration.",
                failure);
        }
        catch (SocketException failure)
        {
            throw new NodeException($"node{member.Node} cannot listen on {member.Address}:{port} for {use}: {failure.Message}.", failure);
        }
    }
}
