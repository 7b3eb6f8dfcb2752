namespace Covol.Lab;

/// <summary>Waits for a condition, with a deadline.</summary>
internal static class Wait
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(100);

    /// <summary>Asks until <paramref name="whatIsMissing"/> answers null; at the deadline its last answer becomes the error.</summary>
    public static async Task UntilAsync(
        TimeProvider time, TimeSpan limit, Func<Task<string?>> whatIsMissing, CancellationToken cancellation, TimeSpan? pause = null)
    {
        var start = time.GetTimestamp();
        while (await whatIsMissing().ConfigureAwait(false) is { } missing)
        {
            if (time.GetElapsedTime(start) > limit)
            {
                throw new LabException($"Waited {limit.TotalSeconds:0} s in vain: {missing}");
            }

            await Task.Delay(pause ?? s_pause, time, cancellation).ConfigureAwait(false);
        }
    }
}
