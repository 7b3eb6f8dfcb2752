namespace Covol.Protocol.Ids;

/// <summary>Grows with each change of a volume's coordinator. It is in every message and in the journal.</summary>
public readonly record struct Epoch(long Value)
{
    public override string ToString() => $"epoch {Value}";
}
