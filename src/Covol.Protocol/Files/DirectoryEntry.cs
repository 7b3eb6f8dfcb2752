using Covol.Protocol.Ids;

namespace Covol.Protocol.Files;

/// <summary>One name in a directory.</summary>
/// <param name="Name">The name.</param>
/// <param name="File">What it leads to.</param>
/// <param name="Kind">What that is.</param>
/// <param name="Attributes">
/// What <c>stat</c> would tell, where whoever asked may keep it, and that the name leads there, until that is recalled or its lease of
/// attributes ends. Null: a lookup has to ask.
/// </param>
public sealed record DirectoryEntry(string Name, FileId File, FileKind Kind, InodeAttributes? Attributes = null);
