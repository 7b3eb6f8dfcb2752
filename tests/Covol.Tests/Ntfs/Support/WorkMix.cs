namespace Covol.Tests.Ntfs.Support;

/// <summary>Which changes random work makes, and how often each.</summary>
/// <param name="LengthMax">Bytes that files grow to at most.</param>
/// <param name="ChangesMax">Changes that share one commit at most.</param>
/// <param name="Kinds">Each kind as often as it is picked.</param>
internal sealed record WorkMix(int LengthMax, int ChangesMax, params WorkKind[] Kinds)
{
    /// <summary>A little of everything, one to three changes a commit.</summary>
    public static WorkMix Everything { get; } = new(
        400_000, 3, [.. Enum.GetValues<WorkKind>(), WorkKind.Create, WorkKind.Write, WorkKind.Rename, WorkKind.Unlink, WorkKind.Purge]);

    /// <summary>Names come and go, many in one commit.</summary>
    public static WorkMix Names { get; } = new(
        5_000,
        12,
        WorkKind.Create,
        WorkKind.Create,
        WorkKind.CreateDirectory,
        WorkKind.CreateLink,
        WorkKind.Link,
        WorkKind.Rename,
        WorkKind.Rename,
        WorkKind.Unlink,
        WorkKind.SetAttributes,
        WorkKind.Purge);

    /// <summary>Files grow, are written by nodes, are cut, replaced and deleted, so that clusters change hands.</summary>
    public static WorkMix Data { get; } = new(
        1_000_000,
        2,
        WorkKind.Create,
        WorkKind.Create,
        WorkKind.CreateDirectory,
        WorkKind.Extend,
        WorkKind.Preallocate,
        WorkKind.Trim,
        WorkKind.Write,
        WorkKind.Write,
        WorkKind.Write,
        WorkKind.Cut,
        WorkKind.Unlink,
        WorkKind.Rename,
        WorkKind.Purge,
        WorkKind.Purge);

    /// <summary>Files get holes, and lose them, while nodes write.</summary>
    public static WorkMix Holes { get; } = new(
        600_000,
        2,
        WorkKind.Create,
        WorkKind.Stretch,
        WorkKind.Stretch,
        WorkKind.Allocate,
        WorkKind.Fill,
        WorkKind.Fill,
        WorkKind.Fill,
        WorkKind.Punch,
        WorkKind.Punch,
        WorkKind.Write,
        WorkKind.Write,
        WorkKind.Extend,
        WorkKind.Preallocate,
        WorkKind.Trim,
        WorkKind.Cut,
        WorkKind.Unlink,
        WorkKind.Purge);

    /// <summary>Holes are made in what is valid, and filled, and little else.</summary>
    public static WorkMix FilledHoles { get; } = new(
        400_000, 1, WorkKind.Create, WorkKind.Write, WorkKind.Punch, WorkKind.Punch, WorkKind.Fill, WorkKind.Fill, WorkKind.Fill, WorkKind.Fill);

    /// <summary>Small files come, grow by the journal and by nodes, and go at once, so that clusters change between the two.</summary>
    public static WorkMix SmallFiles { get; } = new(
        60_000,
        3,
        WorkKind.Create,
        WorkKind.Create,
        WorkKind.Create,
        WorkKind.WriteSmall,
        WorkKind.WriteSmall,
        WorkKind.WriteSmall,
        WorkKind.WriteSmall,
        WorkKind.WriteSmall,
        WorkKind.Write,
        WorkKind.Write,
        WorkKind.Cut,
        WorkKind.Remove,
        WorkKind.Remove,
        WorkKind.Unlink,
        WorkKind.Rename,
        WorkKind.Purge);

    public WorkKind Pick(Random random) => Kinds[random.Next(Kinds.Length)];
}
