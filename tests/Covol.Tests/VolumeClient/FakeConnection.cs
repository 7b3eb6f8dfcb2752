using System.Buffers;
using Covol.Protocol.Volume;
using Covol.Protocol.Wire;
using Covol.Transport;

namespace Covol.Tests.VolumeClient;

internal sealed class FakeConnection : IVolumeConnection
{
    private readonly FakeCoordinator _coordinator;
    private readonly TaskCompletionSource<string> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public FakeConnection(FakeCoordinator coordinator, Action<VolumeNotice> notices)
    {
        _coordinator = coordinator;
        Notices = notices;
    }

    public Action<VolumeNotice> Notices { get; }

    public Task<string> Closed => _closed.Task;

    public void Break(string reason) => _closed.TrySetResult(reason);

    public async ValueTask<VolumeAnswer> CallAsync(VolumeCall call, Memory<byte> answerData, CancellationToken cancellation)
    {
        await Task.Yield();
        if (_closed.Task.IsCompleted)
        {
            throw new ConnectionLostException();
        }

        // As the real one: what does not fit a frame is refused before it is sent.
        VolumeCodec.Encode(call.Request, new ArrayBufferWriter<byte>());
        if (_coordinator.LeavesUnanswered(call))
        {
            await Closed.WaitAsync(cancellation);
            throw new ConnectionLostException();
        }

        return _coordinator.Serve(this, call, answerData);
    }

    public ValueTask DisposeAsync()
    {
        Break("Disposed.");
        return ValueTask.CompletedTask;
    }
}
