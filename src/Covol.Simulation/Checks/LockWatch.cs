using Covol.Protocol.Ids;
using Covol.Simulation.Worlds;

namespace Covol.Simulation.Checks;

/// <summary>Who believes to hold which file's exclusive lock (I8): two believers break it.</summary>
internal sealed class LockWatch(World world)
{
    private readonly List<(FileId File, Guid Mount, string Program)> _held = [];
    private readonly Dictionary<Guid, long> _goneAt = [];

    /// <summary>A lock that was asked for at a time was answered as taken.</summary>
    public void Taken(FileId file, Guid mount, string program, long asked)
    {
        if (_goneAt.GetValueOrDefault(mount, -1) >= asked)
        {
            // The session ended while the answer was on its way.
            return;
        }

        if (_held.Find(other => other.File == file && other.Program != program) is { Program: { } holder })
        {
            world.Break("I8", $"{program} took the lock of {file} while {holder} holds it");
            return;
        }

        _held.Add((file, mount, program));
    }

    /// <summary>Said before the unlock is asked for.</summary>
    public void Released(FileId file, string program) => _held.RemoveAll(held => held.File == file && held.Program == program);

    public void SessionGone(Guid mount)
    {
        _goneAt[mount] = world.Now;
        _held.RemoveAll(held => held.Mount == mount);
    }
}
