using Covol.Protocol.Units;

namespace Covol.Protocol.Layouts;

/// <summary>Whole blocks of a file that were written behind its valid length: from the first byte up to the one after the last.</summary>
public readonly record struct WrittenRange(FileByteOffset Start, FileByteOffset End);
