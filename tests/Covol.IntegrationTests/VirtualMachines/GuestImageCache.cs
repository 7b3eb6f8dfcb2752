using Covol.Lab.Guest;

namespace Covol.IntegrationTests.VirtualMachines;

/// <summary>The test guest, built once a machine.</summary>
internal static class GuestImageCache
{
    public static string Folder { get; } = Environment.GetEnvironmentVariable("COVOL_GUEST_CACHE")
        ?? Path.Combine(Path.GetTempPath(), $"covol-guest-{Environment.UserName}");

    public static Task<GuestImage> GetAsync() => GuestImage.BuildAsync(Folder, CancellationToken.None);
}
