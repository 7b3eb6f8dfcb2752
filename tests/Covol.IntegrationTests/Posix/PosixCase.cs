namespace Covol.IntegrationTests.Posix;

/// <summary>What a program may rely on, as a sentence, and the calls that show it. The local file system is the judge.</summary>
internal sealed record PosixCase(string Sentence, Action<Caller> Calls)
{
    public static IReadOnlyList<PosixCase> All { get; } =
    [
        .. NameCases.All, .. LinkCases.All, .. RenameCases.All, .. AttributeCases.All, .. PermissionCases.All, .. DataCases.All,
        .. SpaceCases.All, .. HoleCases.All, .. DirectoryCases.All, .. ExtendedAttributeCases.All, .. SpecialFileCases.All, .. TemporaryFileCases.All,
    ];
}
