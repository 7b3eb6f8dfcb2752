namespace Covol.Ntfs;

/// <summary>One thing that is wrong with a volume.</summary>
/// <param name="Kind">What kind of thing; its code is stable.</param>
/// <param name="Where">The object: a path with its MFT record, a cluster, or a part of the volume.</param>
/// <param name="What">What is wrong with it, without a full stop.</param>
public sealed record Finding(FindingKind Kind, string Where, string What)
{
    public string Code => FindingCodes.CodeOf(Kind);

    /// <summary>What to do about it.</summary>
    public string Advice => FindingCodes.AdviceOf(Kind);

    /// <summary>The whole sentence for people.</summary>
    public override string ToString() => $"{Code}: {Where}: {What}. {Advice}.";
}
