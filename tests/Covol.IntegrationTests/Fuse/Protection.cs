using Covol.IntegrationTests.Support;
using Covol.Ring;
using Shouldly;

namespace Covol.IntegrationTests.Fuse;

/// <summary>What a process that serves I/O asks of the kernel for itself.</summary>
public sealed class Protection
{
    private const string OutOfMemoryScore = "/proc/self/oom_score_adj";

    [NeedsFact(Machine.Root)]
    public void Memory_is_locked_as_it_is_touched_or_a_sentence_says_why_not()
    {
        var score = File.ReadAllText(OutOfMemoryScore);
        IReadOnlyList<string> missing = [];
        var lockedWhileOn = 0L;

        // A thread of its own, because one of the marks stays with the thread.
        var thread = new Thread(Protect) { Name = "protected" };
        thread.Start();
        thread.Join();
        File.WriteAllText(OutOfMemoryScore, score);

        missing.ShouldAllBe(sentence => sentence.Contains('('));
        (lockedWhileOn > 0).ShouldBe(!missing.Any(sentence => sentence.Contains("mlockall", StringComparison.Ordinal)));

        void Protect()
        {
            missing = ProcessProtection.Apply();
            lockedWhileOn = LockedKilobytes();
            Native.UnlockAllMemory();
        }
    }

    private static long LockedKilobytes() =>
        long.Parse(File.ReadLines("/proc/self/status").Single(line => line.StartsWith("VmLck:", StringComparison.Ordinal)).Split()[^2]);
}
