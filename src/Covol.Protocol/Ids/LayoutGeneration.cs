namespace Covol.Protocol.Ids;

/// <summary>Names one grant of a layout on a volume. Grows with every grant; a recall, a return and a redirected write name it.</summary>
public readonly record struct LayoutGeneration(long Value)
{
    public override string ToString() => $"layout {Value}";
}
