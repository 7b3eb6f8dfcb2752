using Covol.Protocol.Ids;

namespace Covol.Tests.Ownership;

/// <summary>
/// A LUN with registrations and writes that take a while, and the checker: no write of an older epoch lands once a newer one replays.
/// </summary>
internal sealed class WorldLun
{
    private readonly Dictionary<ReservationKey, long> _lastLanding = [];
    private readonly HashSet<ReservationKey> _registered = [];
    private readonly HashSet<ReservationKey> _everRegistered = [];
    private Epoch _replayed;

    /// <summary>What went wrong first; null: nothing.</summary>
    public string? Violation { get; private set; }

    public long Landed { get; private set; }

    public void Register(ReservationKey key)
    {
        if (!_everRegistered.Add(key))
        {
            Violation ??= $"{key} was registered twice";
        }

        _registered.Add(key);
    }

    public void Unregister(ReservationKey key) => _registered.Remove(key);

    public bool IsRegistered(ReservationKey key) => _registered.Contains(key);

    /// <summary>When the victim's last write in flight lands.</summary>
    public long Preempt(ReservationKey victim)
    {
        _registered.Remove(victim);
        return _lastLanding.GetValueOrDefault(victim);
    }

    /// <summary>False: reservation conflict. Checked when the command starts, as a target does.</summary>
    public bool TryWrite(ReservationKey key, long landsAt)
    {
        if (!_registered.Contains(key))
        {
            return false;
        }

        _lastLanding[key] = Math.Max(landsAt, _lastLanding.GetValueOrDefault(key));
        return true;
    }

    public void BeginReplay(Epoch epoch)
    {
        if (epoch.Value < _replayed.Value)
        {
            Violation ??= $"{epoch} replays after {_replayed} had begun";
        }

        _replayed = epoch.Value > _replayed.Value ? epoch : _replayed;
    }

    public void Land(Epoch epoch)
    {
        Landed++;
        if (epoch.Value < _replayed.Value)
        {
            Violation ??= $"a write of {epoch} landed under {_replayed}";
        }
    }
}
