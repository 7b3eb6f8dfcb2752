namespace Covol.Api;

/// <summary>A node refused a request or could not be asked. The message is one sentence for the administrator.</summary>
public sealed class NodeApiException : Exception
{
    public NodeApiException()
        : base("The node could not be asked.")
    {
    }

    public NodeApiException(string message)
        : base(message)
    {
    }

    public NodeApiException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
