using Covol.Coordinator.OwnKey;
using Covol.Lun;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Simulation.Worlds;
using Covol.VolumeClient;

namespace Covol.Simulation.Disk;

/// <summary>
/// One opened LUN of one process, with at most one key. Synchronous for a coordinator (its job happens at one moment of the world's time),
/// with commands in flight for a node's data path.
/// </summary>
internal sealed class LunNexus : IBlockDevice, IReservations, IOwnKey
{
    private readonly SimLun _lun;
    private readonly World _world;
    private readonly SimProcess _process;
    private readonly int _powerLife;
    private readonly List<Command> _inFlight = [];
    private bool _isSubmittedBefore;
    private int _writesLeft;
    private Action? _stop;
    private bool _isStopped;

    public LunNexus(SimLun lun, SimProcess process, int powerLife)
    {
        _lun = lun;
        _world = lun.World;
        _process = process;
        _powerLife = powerLife;
    }

    public ReservationKey? Key { get; private set; }

    /// <summary>The key was taken away; it never comes back.</summary>
    public bool IsPreempted { get; private set; }

    public ByteCount Size => new(_lun.Size);

    public int BlockSize => SimLun.BlockSize;

    private bool IsRegistered => Key is not null && !IsPreempted;

    /// <summary>As a LUN tells that counts I/O per key; a SCSI target's lease is not simulated.</summary>
    public bool IsLiveNow => IsRegistered;

    /// <summary>Writes of a coordinator that the LUN took.</summary>
    public long Writes { get; private set; }

    /// <summary>Commands take that much longer until this time: a path that hangs.</summary>
    public long HangsUntil { get; set; }

    // ---- As the coordinator uses it ---------------------------------------------------------------------------------------

    public void Read(LunByteOffset from, Span<byte> target)
    {
        RequirePower();
        _lun.Check(from.Value, target.Length);
        _lun.Read(from.Value, target);
    }

    public void Write(LunByteOffset at, ReadOnlySpan<byte> source)
    {
        RequirePower();
        _lun.Check(at.Value, source.Length);
        RequireKey();
        if (_writesLeft > 0 && --_writesLeft == 0)
        {
            // Of the last one as much as had left the process.
            var blocks = _world.Random.Next((source.Length / SimLun.BlockSize) + 1);
            if (blocks > 0)
            {
                _lun.Land(this, new LunWriter(null, _process.Name), at.Value, source[..(blocks * SimLun.BlockSize)]);
            }

            _isStopped = true;
            _stop!();
            RequirePower();
        }

        _lun.Land(this, new LunWriter(null, _process.Name), at.Value, source);
        Writes++;
    }

    /// <summary>The process ends in the middle of that write from now on, counted from 1, whatever job it belongs to; 0: it does not.</summary>
    public void StopInWrite(int number, Action stop) => (_writesLeft, _stop) = (number, stop);

    public void Flush()
    {
        RequirePower();
        _lun.Flush();
    }

    public void WriteZeroes(LunByteOffset at, ByteCount length) => Write(at, new byte[length.Value]);

    public void Discard(LunByteOffset at, ByteCount length) => WriteZeroes(at, length);

    public void Dispose()
    {
        // The world keeps the nexus: its key stays registered until somebody preempts it.
    }

    /// <summary>
    /// A job whose commands had been submitted before its process ended: it lands although nobody waits for it, unless the key was
    /// preempted with its commands meanwhile.
    /// </summary>
    public void RunSubmitted(Action job)
    {
        if (!IsPreempted || !_lun.DrainsPreempted)
        {
            _isSubmittedBefore = true;
            try
            {
                job();
            }
            finally
            {
                _isSubmittedBefore = false;
            }
        }
    }

    public void Register(ReservationKey key)
    {
        RequirePower();
        Key = key;
        _lun.NoteRegistered(key);
        _world.Trace(_process.Name, $"registers {key}");
    }

    public void Reserve() => RequireKey();

    public IReadOnlyList<ReservationKey> ReadKeys()
    {
        RequirePower();
        return _lun.Keys;
    }

    public void PreemptAndAbort(ReservationKey own, ReservationKey victim, TimeSpan drainLimit)
    {
        RequirePower();
        if (Key != own || IsPreempted)
        {
            throw new LunException(LunError.ReservationConflict, $"{own} is not registered.");
        }

        _lun.Preempt(victim);
    }

    public void Unregister() => Key = null;

    /// <summary>The key goes; what is in flight is aborted, or had just been done.</summary>
    public void BecomePreempted(bool drains)
    {
        Key = null;
        IsPreempted = true;
        if (!drains)
        {
            return;
        }

        foreach (var command in _inFlight.ToList())
        {
            if (_world.Chance(0.5))
            {
                command.LandRest();
                command.Finish(true);
            }
            else
            {
                command.Finish(false);
            }
        }
    }

    // ---- As a node's data path uses it ------------------------------------------------------------------------------------

    /// <summary>The gate before a submission (SAFETY 8).</summary>
    public bool TryEnter() => !_lun.ChecksKeys || !_lun.RefusesAtGate || IsRegistered;

    /// <summary>
    /// Submits one read or write; <paramref name="completed"/> is called once, in the process, with whether it succeeded.
    /// </summary>
    public void Submit(FileId file, bool isWrite, IReadOnlyList<LunSegment> segments, byte[] data, Action<bool> completed)
    {
        var command = new Command(this, new LunWriter(file, _process.Name), isWrite, segments, data, completed);
        _inFlight.Add(command);
        command.Start();
    }

    private void RequirePower()
    {
        if (_isStopped && !_isSubmittedBefore)
        {
            throw new LunException(LunError.PathLost, $"{_process.Name} has ended.");
        }

        if (!_lun.IsAlive(_powerLife))
        {
            throw new LunException(LunError.PathLost, "The LUN was without power.");
        }
    }

    private void RequireKey()
    {
        if (_lun.ChecksKeys && !_isSubmittedBefore && !IsRegistered)
        {
            throw new LunException(LunError.ReservationConflict, $"{_process.Name} is not registered on the LUN (any more).");
        }
    }

    private TimeSpan Latency()
    {
        var hang = HangsUntil > _world.Now ? TimeSpan.FromTicks((HangsUntil - _world.Now) / 100) : TimeSpan.Zero;
        return hang + (_world.Chance(0.03) ? _world.Milliseconds(1, 300) : _world.Milliseconds(0.05, 1));
    }

    private sealed class Command(
        LunNexus nexus, LunWriter writer, bool isWrite, IReadOnlyList<LunSegment> segments, byte[] data, Action<bool> completed)
    {
        private readonly bool[] _landed = new bool[segments.Count];
        private readonly bool _isAdmitted = !isWrite || !nexus._lun.ChecksKeys || nexus.IsRegistered;
        private bool _isOver;

        public void Start()
        {
            var last = TimeSpan.Zero;
            for (var index = 0; index < segments.Count; index++)
            {
                var piece = index;
                var latency = nexus.Latency();
                last = latency > last ? latency : last;
                nexus._world.After(latency, () => Land(piece));
            }

            nexus._world.After(last + nexus._world.Milliseconds(0.05, 1), () => Finish(true));
        }

        public void LandRest()
        {
            for (var index = 0; index < segments.Count; index++)
            {
                Land(index);
            }
        }

        public void Finish(bool succeeded)
        {
            if (_isOver)
            {
                return;
            }

            _isOver = true;
            nexus._inFlight.Remove(this);
            nexus._process.After(TimeSpan.Zero, () => completed(succeeded && nexus._lun.IsAlive(nexus._powerLife)));
        }

        private void Land(int index)
        {
            if (_isOver || _landed[index] || !nexus._lun.IsAlive(nexus._powerLife))
            {
                return;
            }

            if (!_isAdmitted)
            {
                Finish(false);
                return;
            }

            _landed[index] = true;
            var at = 0;
            for (var before = 0; before < index; before++)
            {
                at += segments[before].Length;
            }

            var span = data.AsSpan(at, segments[index].Length);
            if (isWrite)
            {
                nexus._lun.Land(nexus, writer, segments[index].LunStart.Value, span);
            }
            else
            {
                nexus._lun.Read(segments[index].LunStart.Value, span);
            }
        }
    }
}
