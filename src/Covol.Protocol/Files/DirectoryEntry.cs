using Covol.Protocol.Ids;

namespace Covol.Protocol.Files;

/// <summary>One name in a directory.</summary>
public sealed record DirectoryEntry(string Name, FileId File, FileKind Kind);
