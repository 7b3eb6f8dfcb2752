using System.Collections.Concurrent;
using Covol.Protocol.Ids;
using Covol.Protocol.Volume;
using Covol.Transport;

namespace Covol.Tests.Transport;

/// <summary>A volume service whose answers a test writes; it remembers what was asked.</summary>
internal sealed class ScriptedService(Func<IVolumeCaller, VolumeCall, CancellationToken, ValueTask<VolumeAnswer>> answer) : IVolumeService
{
    public static Epoch Epoch { get; } = new(7);

    public ConcurrentQueue<VolumeCall> Calls { get; } = new();

    public TaskCompletionSource<IVolumeCaller> Gone { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public static ScriptedService Replying(Func<VolumeCall, VolumeReply> reply) =>
        new((_, call, _) => ValueTask.FromResult(new VolumeAnswer(Epoch, reply(call), default)));

    public ValueTask<VolumeAnswer> CallAsync(IVolumeCaller caller, VolumeCall call, CancellationToken cancellation)
    {
        Calls.Enqueue(call);
        return answer(caller, call, cancellation);
    }

    public void Disconnected(IVolumeCaller caller) => Gone.TrySetResult(caller);
}
