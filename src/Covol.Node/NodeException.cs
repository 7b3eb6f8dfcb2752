namespace Covol.Node;

/// <summary>The node cannot do what was asked. The message is one sentence for the administrator that says what to do.</summary>
public sealed class NodeException : Exception
{
    public NodeException()
        : base("The node cannot do this.")
    {
    }

    public NodeException(string message)
        : base(message)
    {
    }

    public NodeException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
