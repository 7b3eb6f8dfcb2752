namespace Covol.Cli;

/// <summary>
/// Says on standard error what a command waits for when it takes long: plain lines, so that they can go into a log too. Standard output
/// stays the answer's.
/// </summary>
internal sealed class Progress
{
    private static readonly TimeSpan s_silence = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_period = TimeSpan.FromSeconds(10);

    private readonly TextWriter _output;
    private readonly TimeProvider _time;

    public Progress(TextWriter output, TimeProvider time)
    {
        _output = output;
        _time = time;
    }

    /// <summary>The one of this process.</summary>
    public static Progress Standard { get; } = new(Console.Error, TimeProvider.System);

    /// <summary>Waits for <paramref name="work"/>; a line after a second and then every ten.</summary>
    /// <param name="what">E.g. <c>moving Volume1 to node2</c>.</param>
    /// <param name="work">Has begun already.</param>
    public async Task<T> WhileAsync<T>(string what, Task<T> work)
    {
        var start = _time.GetTimestamp();
        var pause = s_silence;
        while (await Task.WhenAny(work, Task.Delay(pause, _time)).ConfigureAwait(false) != work)
        {
            var seconds = (long)_time.GetElapsedTime(start).TotalSeconds;
            _output.WriteLine(pause == s_silence ? $"{what} …" : $"{what} … {seconds} s");
            pause = s_period;
        }

        return await work.ConfigureAwait(false);
    }

    /// <summary>The same for work without an answer.</summary>
    public Task WhileAsync(string what, Task work) => WhileAsync(what, AnswerAsync(work));

    private static async Task<bool> AnswerAsync(Task work)
    {
        await work.ConfigureAwait(false);
        return true;
    }
}
