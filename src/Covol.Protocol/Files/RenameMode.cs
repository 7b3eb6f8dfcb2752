namespace Covol.Protocol.Files;

/// <summary>What a rename does when the new name is taken (<c>renameat2</c>'s flags).</summary>
public enum RenameMode
{
    Replace,
    NoReplace,
    Exchange,
}
