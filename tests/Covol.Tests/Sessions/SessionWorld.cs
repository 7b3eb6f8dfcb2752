using System.Globalization;
using System.Text;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Sessions;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;

namespace Covol.Tests.Sessions;

/// <summary>
/// A coordinator of one session table and one counter, a journal that survives, and scenarios as text. Each line is a command,
/// what follows <c>-></c> is what must come of it:
/// <code>
/// open NODE MOUNT [resume SESSION]       -> session N [replaces M] | refused WHY
/// create SESSION SLOT SEQUENCE           counts up, journalled    -> done N | replayed N | in progress | refused WHY
/// read SESSION SLOT SEQUENCE             reads the counter        -> done N ...
/// lock SESSION SLOT SEQUENCE             once, but not journalled -> done N ...
/// begin SESSION SLOT SEQUENCE            a create that does not end yet
/// return SESSION SLOT SEQUENCE           gives a layout back
/// end SESSION | checkpoint | restart
/// </code>
/// </summary>
internal sealed class SessionWorld(SessionLimits limits)
{
    private readonly List<byte[]> _changes = [];
    private SessionTable _table = new(limits);
    private byte[] _checkpoint = [];
    private int _counter;

    /// <summary>Runs a scenario and writes it again with what really came of it.</summary>
    public static string Play(string scenario, SessionLimits? limits = null)
    {
        var world = new SessionWorld(limits ?? new SessionLimits { SlotCountMax = 4, ReservedSlotCount = 2, SessionsMax = 3 });
        var played = new StringBuilder();
        foreach (var line in scenario.ReplaceLineEndings("\n").Split('\n'))
        {
            var command = line.Split("->")[0].Trim();
            var outcome = command.Length == 0 || command[0] == '#' ? null : world.Do(command.Split(' '));
            played.Append(outcome is null ? line : $"{command} -> {outcome}").Append('\n');
        }

        return played.ToString().TrimEnd('\n');
    }

    private static long Number(string word) => long.Parse(word, CultureInfo.InvariantCulture);

    private string Do(string[] words) => words[0] switch
    {
        "open" => Open(words),
        "end" => End(new SessionId(Number(words[1]))),
        "checkpoint" => Checkpoint(),
        "restart" => Restart(),
        "read" => Ask(words, new GetRoot()),
        "create" or "begin" => Ask(words, new Create(default, "a", new NewInode(FileKind.Regular, 0, 0, 0), null, false, false)),
        "lock" => Ask(words, new Open(default, new HandleId(1), OpenAccess.Read, false)),
        "return" => Ask(words, new ReturnLayout(default, new LayoutGeneration(1))),
        _ => throw new ArgumentException(words[0]),
    };

    private string Open(string[] words)
    {
        var changes = new StateWriter();
        var resume = words.Length > 3 ? new SessionId(Number(words[4])) : (SessionId?)null;
        var mount = new Guid((int)Number(words[2]), 0, 0, new byte[8]);
        var outcome = _table.Open(new OpenSession(new NodeId((int)Number(words[1])), mount, new ReservationKey(9), 64, resume), changes);
        Commit(changes);
        if (outcome is SessionRefused refused)
        {
            return $"refused: {refused.Why}";
        }

        var ready = (SessionReady)outcome;
        _table.ConfirmOpened(ready.Session.Id);
        if (ready.Replaced is { } replaced)
        {
            _table.Drop(replaced);
            return $"{ready.Session.Id} replaces {replaced}";
        }

        return ready.Session.Id.ToString();
    }

    private string End(SessionId id)
    {
        var changes = new StateWriter();
        _table.RecordEnd(id, changes);
        Commit(changes);
        _table.Drop(id);
        return "ended";
    }

    private string Checkpoint()
    {
        var state = new StateWriter();
        _table.WriteCheckpoint(state);
        _checkpoint = state.Written.ToArray();
        _changes.Clear();
        return $"{_table.Sessions.Count} sessions";
    }

    private string Restart()
    {
        _table = new SessionTable(limits);
        _table.Apply(_checkpoint);
        _changes.ForEach(change => _table.Apply(change));
        return $"{_table.Sessions.Count} sessions";
    }

    private string Ask(string[] words, VolumeRequest request)
    {
        var id = new RequestId(new SessionId(Number(words[1])), (int)Number(words[2]), Number(words[3]));
        switch (_table.Begin(id, request))
        {
            case Replay replay:
                return $"replayed {((DataWritten)replay.Answer).Offset.Value}";
            case InProgress:
                return "in progress";
            case Refuse refuse:
                return $"refused: {refuse.Why}";
        }

        if (words[0] == "begin")
        {
            return "begun";
        }

        var answer = new DataWritten(new FileByteOffset(request is Create ? ++_counter : _counter), ByteCount.Zero);
        if (RequestNatures.Of(request) == RequestNature.OnceJournalled)
        {
            var changes = new StateWriter();
            _table.RecordAnswer(id, answer, changes);
            Commit(changes);
        }

        _table.Complete(id, request, answer);
        return $"done {answer.Offset.Value}";
    }

    private void Commit(StateWriter changes)
    {
        if (!changes.IsEmpty)
        {
            _changes.Add(changes.Written.ToArray());
        }
    }
}
