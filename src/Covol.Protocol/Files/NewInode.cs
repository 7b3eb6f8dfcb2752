namespace Covol.Protocol.Files;

/// <summary>What to create.</summary>
/// <param name="Kind">What it will be.</param>
/// <param name="Mode">The low 12 bits of <c>st_mode</c>, the umask already applied.</param>
/// <param name="Owner">User id.</param>
/// <param name="Group">Group id.</param>
/// <param name="Device">Device number, for device nodes only.</param>
/// <param name="Target">Where a symbolic link points, for symbolic links only.</param>
public sealed record NewInode(FileKind Kind, int Mode, uint Owner, uint Group, uint Device = 0, string? Target = null);
