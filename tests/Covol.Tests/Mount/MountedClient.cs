using Covol.Fuse;
using Covol.Mount;
using Covol.Protocol.Volume;
using Covol.Tests.Fuse;
using Covol.Tests.VolumeClient;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;

namespace Covol.Tests.Mount;

/// <summary>A mount's file system between a kernel and a coordinator that are played, with one file of 1 MiB open in it.</summary>
internal sealed class MountedClient : IAsyncDisposable
{
    public const int FileLength = 1 << 20;
    private const uint ReadWrite = 2;
    private const ulong Root = 1;

    // struct fuse_write_in.flags
    private const int OpenFlagsAt = 32;
    private FakeKernel? _kernel;
    private ulong _unique = 10;

    public ClientWorld World { get; } = new();

    /// <summary>The file's bytes begin at 1 MiB, where the coordinator's grants say.</summary>
    public CountedLun Lun { get; } = new(4 << 20);

    public FakeCoordinator Coordinator => World.Coordinator;

    public ulong Handle { get; private set; }

    private FakeKernel Kernel => _kernel ?? throw new InvalidOperationException("The test's mount was not begun.");

    /// <summary>With the layout there, and with what was before it covered by one fsync.</summary>
    public static async Task<MountedClient> OpenAsync()
    {
        var client = new MountedClient();
        await client.World.ConnectAsync();
        var file = client.Coordinator.AddFile(70, FileLength);
        var system = new VolumeFileSystem(
            "Volume1", client.World.Volume, client.Lun, FakeCoordinator.BlockSize, file, NullLogger.Instance);
        client._kernel = FakeKernel.Mounted(system);
        client.Send(FuseOpcode.Open, Body.U32(ReadWrite, 0));
        client.Handle = BitConverter.ToUInt64(client.Receive().Payload);
        await ClientWorld.UntilAsync(() => client.World.Volume.Describe().Layouts == 1);
        client.Synchronize(dataOnly: true).ShouldBe(0);
        client.Synchronized.ShouldBe(1);
        return client;
    }

    /// <summary>How often the coordinator carried out a fsync.</summary>
    public int Synchronized => Coordinator.ExecutedOf<Synchronize>().Count;

    public void SendWrite(ulong offset, bool isDirect = true, uint flags = 0)
    {
        var body = Body.Write(Handle, offset, Content);
        if (!isDirect)
        {
            body.AsSpan(OpenFlagsAt, sizeof(uint)).Clear();
        }

        BitConverter.TryWriteBytes(body.AsSpan(OpenFlagsAt), BitConverter.ToUInt32(body, OpenFlagsAt) | flags).ShouldBeTrue();

        Send(FuseOpcode.Write, body);
    }

    public int Write(ulong offset, bool isDirect = true, uint flags = 0)
    {
        SendWrite(offset, isDirect, flags);
        return Receive().Error;
    }

    public void SendSynchronize(bool dataOnly) =>
        Send(FuseOpcode.Sync, Body.U64(Handle), Body.U32(dataOnly ? 1u : 0, 0));

    public int Synchronize(bool dataOnly)
    {
        SendSynchronize(dataOnly);
        return Receive().Error;
    }

    /// <summary>4 KiB that each write of the test writes.</summary>
    public static byte[] Content { get; } = [.. Enumerable.Range(0, 4096).Select(n => (byte)(n * 3))];

    public FakeKernel.Reply Receive() => Kernel.Receive();

    public bool IsQuiet() => Kernel.IsQuiet();

    /// <summary>Whoever asks the coordinator for a fsync fails, so that an answer of the node alone is told from one of his.</summary>
    public void RefuseSynchronize(bool refuseRenewals = false) => Coordinator.Intercept = request => request switch
    {
        Covol.Protocol.Volume.Synchronize => new Refused(VolumeError.IoFailed, "The test refuses."),
        RenewLease when refuseRenewals => new Refused(VolumeError.InGrace, "No renewals."),
        _ => null,
    };

    public void LoseCoordinator()
    {
        World.Connections.There.Clear();
        Coordinator.BreakConnections();
    }

    public async ValueTask DisposeAsync()
    {
        _kernel?.Dispose();
        await World.DisposeAsync();
        Lun.Dispose();
    }

    private void Send(FuseOpcode opcode, params byte[][] parts)
    {
        _unique += 2;
        Kernel.Send(opcode, _unique, Root, parts);
    }
}
