using System.Collections.Concurrent;
using Covol.Protocol.Volume;
using Covol.Transport;

namespace Covol.IntegrationTests.Mount;

/// <summary>A coordinator, and what it is asked.</summary>
internal sealed class CountedVolume(IVolumeService coordinator) : IVolumeService
{
    private readonly ConcurrentDictionary<Type, int> _asked = new();

    public int AskedFor<T>()
        where T : VolumeRequest => _asked.GetValueOrDefault(typeof(T));

    public ValueTask<VolumeAnswer> CallAsync(IVolumeCaller caller, VolumeCall call, CancellationToken cancellation)
    {
        _asked.AddOrUpdate(call.Request.GetType(), 1, static (_, asked) => asked + 1);
        return coordinator.CallAsync(caller, call, cancellation);
    }

    public void Disconnected(IVolumeCaller caller) => coordinator.Disconnected(caller);
}
