using Covol.Lun;
using Covol.Protocol.Ids;
using Covol.Simulation.Worlds;

namespace Covol.Simulation.Disk;

/// <summary>
/// The shared LUN of a world: blocks behind a volatile cache, keys, and commands that take their time. What landed is seen by all at
/// once; what was flushed survives a power cut; of the rest each block survives or not, as the seed says.
/// </summary>
internal sealed class SimLun
{
    public const int BlockSize = 512;

    private readonly World _world;
    private readonly byte[] _seen;
    private readonly byte[] _stable;
    private readonly HashSet<int> _unflushed = [];
    private readonly List<LunNexus> _nexuses = [];
    private readonly HashSet<ReservationKey> _everRegistered = [];
    private int _powerLives;

    public SimLun(World world, int size)
    {
        _world = world;
        _seen = new byte[size];
        _stable = new byte[size];
    }

    public int Size => _seen.Length;

    public World World => _world;

    /// <summary>Told of each write that lands: by whom, where, and how many bytes. The checkers listen.</summary>
    public Action<LunNexus, LunWriter, long, int>? Landed { get; set; }

    /// <summary>Told of each key that was preempted, after that.</summary>
    public Action<ReservationKey>? Preempted { get; set; }

    /// <summary>Off: a preempted key's commands land later, as PREEMPT without ABORT lets them.</summary>
    public bool DrainsPreempted { get; set; } = true;

    /// <summary>Off: flushes are answered and do nothing, as a cache that lies.</summary>
    public bool Flushes { get; set; } = true;

    /// <summary>
    /// Who was fenced is refused before anything is submitted, reads too, as the file backend does it. Else as a SCSI target does it: a write
    /// is refused when it gets there, reads never are (SAFETY 7).
    /// </summary>
    public required bool RefusesAtGate { get; init; }

    /// <summary>Off: nobody looks at keys.</summary>
    public bool ChecksKeys { get; set; } = true;

    public LunNexus Open(SimProcess process)
    {
        var nexus = new LunNexus(this, process, _powerLives);
        _nexuses.Add(nexus);
        return nexus;
    }

    public IReadOnlyList<ReservationKey> Keys => [.. _nexuses.Where(nexus => nexus.Key is not null).Select(nexus => nexus.Key!.Value)];

    /// <summary>The power goes: commands in flight are gone, the cache keeps some blocks, keys are remembered (APTPL).</summary>
    public void CutPower()
    {
        _powerLives++;
        foreach (var block in _unflushed.Order())
        {
            if (_world.Chance(0.5))
            {
                _seen.AsSpan(block * BlockSize, BlockSize).CopyTo(_stable.AsSpan(block * BlockSize));
            }
        }

        _unflushed.Clear();
        _stable.CopyTo(_seen, 0);
        _world.Trace("lun", "power cut");
    }

    public bool IsAlive(int powerLife) => powerLife == _powerLives;

    public void NoteRegistered(ReservationKey key)
    {
        if (!_everRegistered.Add(key))
        {
            _world.Break("I1", $"{key} was registered twice");
        }
    }

    public void Preempt(ReservationKey victim)
    {
        foreach (var nexus in _nexuses.Where(nexus => nexus.Key == victim))
        {
            nexus.BecomePreempted(DrainsPreempted);
        }

        _world.Trace("lun", $"preempted {victim}");
        Preempted?.Invoke(victim);
    }

    public void Read(long from, Span<byte> target) => _seen.AsSpan((int)from, target.Length).CopyTo(target);

    /// <summary>All bytes as everybody sees them now.</summary>
    public byte[] Seen => _seen;

    /// <summary>What a LUN holds, stable, when its world begins.</summary>
    public void Fill(ReadOnlySpan<byte> content)
    {
        content.CopyTo(_seen);
        content.CopyTo(_stable);
    }

    /// <summary>What a power cut at this moment would surely leave.</summary>
    public ReadOnlySpan<byte> Stable(long from, int length) => _stable.AsSpan((int)from, length);

    public void Land(LunNexus nexus, LunWriter writer, long at, ReadOnlySpan<byte> source)
    {
        source.CopyTo(_seen.AsSpan((int)at));
        for (var block = (int)(at / BlockSize); block < (at + source.Length) / BlockSize; block++)
        {
            _unflushed.Add(block);
        }

        Landed?.Invoke(nexus, writer, at, source.Length);
    }

    public void Flush()
    {
        if (!Flushes)
        {
            return;
        }

        foreach (var block in _unflushed)
        {
            _seen.AsSpan(block * BlockSize, BlockSize).CopyTo(_stable.AsSpan(block * BlockSize));
        }

        _unflushed.Clear();
    }

    public void Check(long at, long length)
    {
        if (((at | length) & (BlockSize - 1)) != 0)
        {
            throw new ArgumentException($"{length} bytes at {at} are not whole blocks.", nameof(at));
        }

        if (at < 0 || length < 0 || at > Size - length)
        {
            throw new LunException(LunError.OutOfRange, $"{length} bytes at {at} lie outside the LUN.");
        }
    }
}
