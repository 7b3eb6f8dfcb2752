namespace Covol.VirtualMachines;

/// <summary>A virtual machine did not do what was asked. The message is a sentence for the administrator.</summary>
public sealed class VirtualMachineException : Exception
{
    public VirtualMachineException(string message)
        : base(message)
    {
    }

    public VirtualMachineException(string message, Exception inner)
        : base(message, inner)
    {
    }

    public VirtualMachineException()
        : base("A virtual machine did not do what was asked.")
    {
    }
}
