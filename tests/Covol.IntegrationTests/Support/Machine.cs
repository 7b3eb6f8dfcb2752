namespace Covol.IntegrationTests.Support;

/// <summary>What this machine offers to tests.</summary>
internal static class Machine
{
    public const string Root = "root";
    public const string Fuse = "/dev/fuse";

    /// <summary>Null when it is there; else the sentence a skipped test prints. Anything else than the constants is a program.</summary>
    public static string? Missing(string need) => need switch
    {
        Root => Environment.UserName == "root" ? null : "This test needs root.",
        Fuse => File.Exists(Fuse) ? null : "This test needs /dev/fuse, which this machine does not have.",
        _ => OnPath(need) ? null : $"This test needs the program '{need}', which is not installed.",
    };

    private static bool OnPath(string program) =>
        $"{Environment.GetEnvironmentVariable("PATH")}:/usr/sbin:/sbin".Split(':')
            .Any(folder => File.Exists(Path.Combine(folder, program)));
}
