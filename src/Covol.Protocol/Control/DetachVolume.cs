namespace Covol.Protocol.Control;

/// <summary>Unmounts a volume on this node. Refused while files are open, with a sentence, unless <paramref name="Force"/>.</summary>
public sealed record DetachVolume(string Volume, bool Force);
