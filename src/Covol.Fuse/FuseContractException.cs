namespace Covol.Fuse;

/// <summary>
/// A handler broke the contract of a request, for instance answered twice. A programming error, never the kernel's.
/// </summary>
public sealed class FuseContractException : Exception
{
    public FuseContractException(string whatBroke)
        : base(whatBroke)
    {
    }

    public FuseContractException()
    {
    }

    public FuseContractException(string whatBroke, Exception inner)
        : base(whatBroke, inner)
    {
    }
}
