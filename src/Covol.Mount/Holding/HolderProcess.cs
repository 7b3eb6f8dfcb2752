using System.Diagnostics.CodeAnalysis;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace Covol.Mount.Holding;

/// <summary>
/// <c>covold hold</c>: keeps the FUSE descriptors of this node's mounts, so that a mount lives on when its mount process does not
/// (SAFETY 23). It touches no data, no mount and no network; it does nothing else. The socket is for its own user only.
/// </summary>
public static class HolderProcess
{
    private const int MountsMax = 256;
    private const int Backlog = 16;

    /// <summary>A silent caller holds up the others for so long at most.</summary>
    private const int PatienceMilliseconds = 2000;

    /// <summary>Runs until cancelled. Throws <see cref="SocketException"/> or <see cref="IOException"/> when it cannot listen.</summary>
    public static Task RunAsync(string socketPath, CancellationToken cancellation)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(socketPath))!);
        File.Delete(socketPath);
        var listener = new Socket(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified);
        try
        {
            listener.Bind(new UnixDomainSocketEndPoint(socketPath));
            File.SetUnixFileMode(socketPath, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            listener.Listen(Backlog);
        }
        catch
        {
            listener.Dispose();
            throw;
        }

        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() => Serve(listener, socketPath, ended, cancellation)) { Name = "holder", IsBackground = true };
        thread.Start();
        return ended.Task;
    }

    [SuppressMessage("Design", "CA1031", Justification = "What ends the thread is told through the task.")]
    private static void Serve(Socket listener, string socketPath, TaskCompletionSource ended, CancellationToken cancellation)
    {
        var kept = new Dictionary<string, (KeptMount Mount, SafeFileHandle Descriptor)>();
        try
        {
            using (cancellation.Register(listener.Dispose))
            {
                while (!cancellation.IsCancellationRequested)
                {
                    using var caller = listener.Accept();
                    Answer(caller, kept);
                }
            }

            ended.TrySetResult();
        }
        catch (Exception) when (cancellation.IsCancellationRequested)
        {
            ended.TrySetResult();
        }
        catch (Exception failure)
        {
            ended.TrySetException(failure);
        }
        finally
        {
            listener.Dispose();
            File.Delete(socketPath);
            foreach (var (_, descriptor) in kept.Values)
            {
                descriptor.Dispose();
            }
        }
    }

    private static void Answer(Socket caller, Dictionary<string, (KeptMount Mount, SafeFileHandle Descriptor)> kept)
    {
        caller.ReceiveTimeout = PatienceMilliseconds;
        caller.SendTimeout = PatienceMilliseconds;
        SafeFileHandle? given = null;
        try
        {
            var text = DescriptorMessage.Receive(caller, out given);
            var request = JsonSerializer.Deserialize(text, HolderJson.Default.HolderRequest);
            var (answer, descriptor) = CarryOut(request, ref given, kept);
            DescriptorMessage.Send(caller, JsonSerializer.SerializeToUtf8Bytes(answer, HolderJson.Default.HolderAnswer), descriptor);
        }
        catch (Exception failure) when (failure is IOException or JsonException or SocketException)
        {
            // This caller is none, or is gone: the next one is served. It learns it from its closed connection.
        }
        finally
        {
            given?.Dispose();
        }
    }

    /// <summary>Takes over <paramref name="given"/>, and sets it to null, where it is kept.</summary>
    private static (HolderAnswer Answer, SafeFileHandle? Descriptor) CarryOut(
        HolderRequest? request, ref SafeFileHandle? given, Dictionary<string, (KeptMount Mount, SafeFileHandle Descriptor)> kept)
    {
        switch (request)
        {
            case { Kind: HolderRequestKind.Put, Mount: { } mount } when given is not null:
                if (kept.Count >= MountsMax && !kept.ContainsKey(mount.Volume))
                {
                    return (new HolderAnswer($"The holder keeps {MountsMax} mounts at most."), null);
                }

                Close(mount.Volume, kept);
                kept[mount.Volume] = (mount, given);
                given = null;
                return (new HolderAnswer(), null);
            case { Kind: HolderRequestKind.Get, Volume: { } volume }:
                return kept.TryGetValue(volume, out var found)
                    ? (new HolderAnswer(Mounts: [found.Mount]), found.Descriptor)
                    : (new HolderAnswer($"The holder keeps no mount of {volume}."), null);
            case { Kind: HolderRequestKind.List }:
                return (new HolderAnswer(Mounts: [.. kept.Values.Select(entry => entry.Mount)]), null);
            case { Kind: HolderRequestKind.Drop, Volume: { } volume }:
                Close(volume, kept);
                return (new HolderAnswer(), null);
            default:
                return (new HolderAnswer("That is no request to a holder."), null);
        }
    }

    private static void Close(string volume, Dictionary<string, (KeptMount Mount, SafeFileHandle Descriptor)> kept)
    {
        if (kept.Remove(volume, out var entry))
        {
            entry.Descriptor.Dispose();
        }
    }
}
