using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace Covol.Mount.Holding;

/// <summary>
/// Asks the holder. One short connection a request, answered within seconds; blocks meanwhile, so not for a ring's thread. Throws
/// <see cref="IOException"/> with a sentence when the holder is not there or refuses.
/// </summary>
/// <param name="socketPath">Where the holder listens.</param>
public sealed class HolderClient(string socketPath)
{
    private const int PatienceMilliseconds = 5000;

    /// <summary>The holder keeps a copy of the descriptor; the caller's stays the caller's.</summary>
    public void Put(KeptMount mount, SafeHandle descriptor)
    {
        Ask(new HolderRequest(HolderRequestKind.Put, Mount: mount), descriptor, out var none);
        none?.Dispose();
    }

    /// <summary>A copy of a volume's descriptor, owned by the caller. Null: the holder has none.</summary>
    public (KeptMount Mount, SafeFileHandle Descriptor)? Get(string volume)
    {
        if (!List().Any(mount => mount.Volume == volume))
        {
            return null;
        }

        var answer = Ask(new HolderRequest(HolderRequestKind.Get, volume), null, out var descriptor);
        return answer.Mounts is [var kept] && descriptor is not null
            ? (kept, descriptor)
            : throw new IOException($"The holder at {socketPath} answered without the descriptor of {volume}.");
    }

    public IReadOnlyList<KeptMount> List()
    {
        var answer = Ask(new HolderRequest(HolderRequestKind.List), null, out var none);
        none?.Dispose();
        return answer.Mounts ?? [];
    }

    public void Drop(string volume)
    {
        Ask(new HolderRequest(HolderRequestKind.Drop, volume), null, out var none);
        none?.Dispose();
    }

    private HolderAnswer Ask(HolderRequest request, SafeHandle? given, out SafeFileHandle? taken)
    {
        taken = null;
        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified)
            {
                ReceiveTimeout = PatienceMilliseconds,
                SendTimeout = PatienceMilliseconds,
            };
            socket.Connect(new UnixDomainSocketEndPoint(socketPath));
            DescriptorMessage.Send(socket, JsonSerializer.SerializeToUtf8Bytes(request, HolderJson.Default.HolderRequest), given);
            var text = DescriptorMessage.Receive(socket, out taken);
            var answer = JsonSerializer.Deserialize(text, HolderJson.Default.HolderAnswer)
                ?? throw new IOException($"The holder at {socketPath} answered nothing.");
            return answer.Error is null ? answer : throw new IOException(answer.Error);
        }
        catch (Exception failure) when (failure is SocketException or JsonException)
        {
            taken?.Dispose();
            taken = null;
            throw new IOException($"The holder at {socketPath} does not answer: {failure.Message}", failure);
        }
    }
}
