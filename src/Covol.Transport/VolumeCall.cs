using Covol.Protocol.Ids;
using Covol.Protocol.Volume;

namespace Covol.Transport;

/// <summary>One request on its way to a coordinator.</summary>
/// <param name="Id">What makes it exactly-once.</param>
/// <param name="Epoch">The coordinator it is meant for.</param>
/// <param name="Request">What to do.</param>
/// <param name="Data">Redirected data of a <see cref="WriteData"/>, else empty. Valid until the call is answered.</param>
public sealed record VolumeCall(RequestId Id, Epoch Epoch, VolumeRequest Request, ReadOnlyMemory<byte> Data);
