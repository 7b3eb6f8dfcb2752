using System.Globalization;
using Covol.Protocol.Ids;
using Covol.Protocol.Locks;

namespace Covol.Tests.Locks;

/// <summary>
/// Reads lock scenarios: one command a line, what the machine said after it. Who holds is written <c>session.owner</c>; a
/// handle is the
/// session's first unless <c>via n</c> says another.
/// <code>
///   set 1.7 read 100-100          → taken
///   set 2.8 write 0-end wait      → waits 1
///   test 2.8 write 100-100        → held by owner 7 shared 100-100
///   flock 1.7 write               → taken
/// </code>
/// </summary>
internal static class LockScenario
{
    private static readonly FileId s_file = new(new FileReference(64, 1), 1);
    private static readonly FileId s_other = new(new FileReference(65, 1), 1);

    /// <summary>The scenario with each command's outcome written anew.</summary>
    public static string Run(string scenario)
    {
        var machine = new LockMachine(0);
        var written = new List<string>();
        foreach (var line in scenario.Split('\n', StringSplitOptions.TrimEntries))
        {
            var command = line.Split("→")[0].TrimEnd();
            if (command.Length == 0 || command.StartsWith('#'))
            {
                written.Add(line);
                continue;
            }

            var effects = new List<LockEffect>();
            machine.Step(Parse(command.Split(' ', StringSplitOptions.RemoveEmptyEntries)), effects);
            var outcome = effects.Count == 0 ? "nothing" : string.Join(", ", effects.Select(Describe));
            written.Add($"{command} → {outcome}");
        }

        return string.Join('\n', written);
    }

    private static LockInput Parse(string[] words)
    {
        var who = words[1].Split('.');
        var session = new SessionId(Number(who[0]));
        var owner = new LockOwner(who.Length > 1 ? Number(who[1]) : 0);
        var via = Array.IndexOf(words, "via");
        var handle = new HandleId(via > 0 ? Number(words[via + 1]) : 1);
        var file = words.Contains("elsewhere") ? s_other : s_file;
        return words[0] switch
        {
            "set" => new LockInput.Set(
                session, file, handle, new HeldLock(owner, 1, LockKind.Range, Mode(words[2]), Range(words[3])), words.Contains("wait")),
            "flock" => new LockInput.Set(
                session, file, handle, new HeldLock(owner, 1, LockKind.Flock, Mode(words[2]), LockRange.All), words.Contains("wait")),
            "test" => new LockInput.Test(session, file, owner, LockKind.Range, Mode(words[2]), Range(words[3])),
            "cancel" => new LockInput.Cancel(session, file, Number(words[2])),
            "flush" => new LockInput.ReleaseOwner(session, file, owner),
            "close" => new LockInput.ReleaseHandle(session, file, handle),
            "end" => new LockInput.ReleaseSession(session),
            "reclaim" => new LockInput.Reclaim(
                session, file, handle, [new HeldLock(owner, 1, LockKind.Range, Mode(words[2]), Range(words[3]))]),
            _ => throw new FormatException($"'{words[0]}' is not a lock command."),
        };
    }

    private static LockMode Mode(string word) => word switch
    {
        "read" => LockMode.Shared,
        "write" => LockMode.Exclusive,
        "unlock" => LockMode.Unlock,
        _ => throw new FormatException($"'{word}' is not a mode."),
    };

    private static LockRange Range(string text)
    {
        var ends = text.Split('-');
        return new LockRange(Number(ends[0]), ends[1] == "end" ? long.MaxValue : Number(ends[1]));
    }

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);

    private static string Describe(LockEffect effect) => effect switch
    {
        LockEffect.Taken => "taken",
        LockEffect.Refused refused => $"refused {refused.Error}",
        LockEffect.Queued queued => $"waits {queued.Ticket}",
        LockEffect.Tested { Conflict: null } => "free",
        LockEffect.Tested { Conflict: { } held } => $"held by {held.Owner.Value} {Name(held.Mode)} {Text(held.Range)}",
        LockEffect.Resolved resolved => $"{resolved.Session.Value} {(resolved.Error is { } error ? $"gives up {error}" : "gets")} {resolved.Ticket}",
        _ => throw new InvalidOperationException(effect.GetType().Name),
    };

    private static string Name(LockMode mode) => mode == LockMode.Shared ? "read" : "write";

    private static string Text(LockRange range) =>
        $"{range.First}-{(range.Last == long.MaxValue ? "end" : range.Last.ToString(CultureInfo.InvariantCulture))}";
}
