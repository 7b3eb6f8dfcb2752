namespace Covol.IntegrationTests.Fuse;

/// <summary>Waits for conditions, with a deadline.</summary>
internal static class Eventually
{
    internal static async Task TrueAsync(Func<bool> condition)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        while (!condition())
        {
            await tick.WaitForNextTickAsync(deadline.Token);
        }
    }
}
