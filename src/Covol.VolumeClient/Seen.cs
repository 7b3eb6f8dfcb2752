using Covol.Protocol.Files;

namespace Covol.VolumeClient;

/// <summary>Attributes as all nodes see them now.</summary>
/// <param name="Attributes">What was seen.</param>
/// <param name="Valid">How long they may be shown without asking again, unless <see cref="IAttributeWatcher"/> says otherwise.</param>
/// <param name="NameValid">How long the name that was looked up leads there, likewise.</param>
public readonly record struct Seen(InodeAttributes Attributes, TimeSpan Valid, TimeSpan NameValid);
