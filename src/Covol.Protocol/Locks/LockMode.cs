namespace Covol.Protocol.Locks;

/// <summary>The values are those of <c>F_RDLCK</c>, <c>F_WRLCK</c> and <c>F_UNLCK</c> on Linux.</summary>
public enum LockMode
{
    Shared = 0,
    Exclusive = 1,
    Unlock = 2,
}
