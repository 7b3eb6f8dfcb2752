using Covol.Protocol.Ids;
using Covol.Simulation.Worlds;

namespace Covol.Simulation.Checks;

/// <summary>What the programs of one world tell each other through, without the volume: the truth it is compared with.</summary>
internal sealed class Checkers(World world)
{
    private readonly Dictionary<FileId, FileContent> _contents = [];
    private readonly Dictionary<Guid, (SimProcess Process, List<WriteOperation> Writes)> _ofMount = [];
    private readonly Dictionary<string, long> _owners = [];
    private long _lastWrite;

    public LockWatch Locks { get; } = new(world);

    public AttributeRegister Time { get; } = new(world);

    public IEnumerable<FileContent> Contents => _contents.Values;

    public FileContent Content(FileId file)
    {
        if (!_contents.TryGetValue(file, out var content))
        {
            _contents.Add(file, content = new FileContent(world, file));
        }

        return content;
    }

    public long NextWrite() => ++_lastWrite;

    public long OwnerOf(string program)
    {
        if (!_owners.TryGetValue(program, out var time))
        {
            _owners.Add(program, time = _owners.Count + 1);
        }

        return time;
    }

    public void Belongs(WriteOperation write, Guid mount, SimProcess process)
    {
        if (!_ofMount.TryGetValue(mount, out var known))
        {
            _ofMount.Add(mount, known = (process, []));
        }

        known.Writes.Add(write);
    }

    /// <summary>A file's tail ended with so much valid data: told by its holder, or without it because it hung.</summary>
    public void TailEnded(FileId file, long valid)
    {
        if (_contents.TryGetValue(file, out var content))
        {
            content.TailEnded(valid);
        }
    }

    /// <summary>Its session is over, and what it had not told of its tails with it.</summary>
    public void TailsCut(Guid mount)
    {
        if (_ofMount.TryGetValue(mount, out var known))
        {
            foreach (var write in known.Writes)
            {
                write.TakenAlong(world.Now);
            }
        }
    }

    /// <summary>
    /// Its session ended: its locks are gone. What a process that is dead had asked for is done now or never will be; one that lives may ask
    /// again in a new session.
    /// </summary>
    public void SessionGone(Guid mount)
    {
        Locks.SessionGone(mount);
        if (_ofMount.TryGetValue(mount, out var known) && known.Process.IsDead)
        {
            foreach (var write in known.Writes)
            {
                write.GiveUp(world.Now);
            }
        }
    }
}
