using System.Diagnostics;

namespace Covol.IntegrationTests.Lab;

/// <summary>Waits for a condition of a lab; its deadline is far beyond what a loaded machine needs.</summary>
internal static class Until
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(120);
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(50);

    /// <param name="what">The condition, for the failure's message.</param>
    /// <param name="condition">Asked again and again.</param>
    /// <param name="instead">What is the case instead.</param>
    public static async Task TrueAsync(string what, Func<Task<bool>> condition, Func<string>? instead = null)
    {
        var began = Stopwatch.GetTimestamp();
        using var tick = new PeriodicTimer(s_pause);
        while (!await condition())
        {
            if (Stopwatch.GetElapsedTime(began) > s_limit)
            {
                throw new TimeoutException($"Waited {s_limit.TotalSeconds:0} s in vain until {what}. {instead?.Invoke()}");
            }

            await tick.WaitForNextTickAsync();
        }
    }

    public static Task TrueAsync(string what, Func<bool> condition, Func<string>? instead = null) =>
        TrueAsync(what, () => Task.FromResult(condition()), instead);
}
