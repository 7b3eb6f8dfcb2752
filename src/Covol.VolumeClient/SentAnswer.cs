using Covol.Protocol.Volume;

namespace Covol.VolumeClient;

/// <summary>A request's answer and how it came.</summary>
/// <param name="Reply">What happened.</param>
/// <param name="DataLength">Bytes put into the asker's memory.</param>
/// <param name="Link">The link that brought it.</param>
internal readonly record struct SentAnswer(VolumeReply Reply, int DataLength, SessionLink Link);
