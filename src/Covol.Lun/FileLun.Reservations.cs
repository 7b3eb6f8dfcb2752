using System.Diagnostics;
using Covol.Lun.Reservations;
using Covol.Protocol;
using Covol.Protocol.Ids;

namespace Covol.Lun;

/// <summary>The reservation half of a file LUN: whose I/O is let in, and how a fence waits for what was let in.</summary>
public sealed unsafe partial class FileLun
{
    /// <summary>
    /// After its holder was ended the kernel's last I/O for it should take milliseconds; a disk may retry for long.
    /// </summary>
    private static readonly TimeSpan s_abortLimit = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan s_unregisterLimit = TimeSpan.FromSeconds(60);

    private readonly Lock _keyChanges = new();
    private volatile Registration? _registration;

    /// <summary>
    /// Unregistered changes in flight; <see cref="AnonymousClosed"/> is set from the beginning of a registration.
    /// </summary>
    private long _anonymous;

    private const long AnonymousClosed = 1L << 62;

    /// <summary>Which guards a control run switches off to show that a test would notice. Tests only.</summary>
    internal FenceGuards GuardsOff { get; set; }

    /// <summary>Whether a description other than this device's is registered and open, or has I/O in flight. For tests.</summary>
    internal bool IsAnyOtherHeld => DescriptorLock.IsAnyHeld(_file, _path);

    public void Register(ReservationKey key)
    {
        if (key.Value == 0)
        {
            throw new ArgumentException("0 is no reservation key.", nameof(key));
        }

        lock (_keyChanges)
        {
            if (_registration is { } present)
            {
                throw new LunException(
                    LunError.ReservationConflict,
                    $"{this} was registered with {present.Key} by this device before. Open the LUN again for {key}.");
            }

            // New key, old writes (SAFETY 4): what began without a key must not be in flight under one.
            if (Interlocked.CompareExchange(ref _anonymous, AnonymousClosed, 0) != 0)
            {
                throw new InvalidOperationException($"{this} has writes in flight; they must end before a key is registered.");
            }

            try
            {
                _registration = _table.Register(key);
            }
            finally
            {
                if (_registration is null)
                {
                    Interlocked.Add(ref _anonymous, -AnonymousClosed);
                }
            }
        }
    }

    public void Reserve()
    {
        if (_claims && _claim is null)
        {
            // Whoever held the claim may have ended since: of those who are there now, the coordinator takes it.
            _claim = BlockDeviceClaim.TryTake(_path, _claimPath);
        }

        if (_registration is not { } own || !_table.TryReserve(own))
        {
            throw Conflict("a reservation");
        }
    }

    public IReadOnlyList<ReservationKey> ReadKeys() => _table.ReadKeys();

    public void PreemptAndAbort(ReservationKey own, ReservationKey victim, TimeSpan drainLimit)
    {
        var ours = _registration is { } registration && registration.Key == own ? registration : null;
        if (own == victim)
        {
            throw new ArgumentException($"{own} cannot preempt itself.", nameof(victim));
        }

        var preempted = _table.Preempt(ours, !GuardsOff.HasFlag(FenceGuards.OwnKey), victim);
        if (preempted is null || GuardsOff.HasFlag(FenceGuards.Drain))
        {
            return;
        }

        Drain(preempted, drainLimit);
        _table.EndDrain(preempted);
    }

    public void Unregister()
    {
        lock (_keyChanges)
        {
            if (_registration is not { } own || !_table.BeginUnregister(own))
            {
                throw Conflict("giving up a key");
            }

            var began = Stopwatch.GetTimestamp();
            while (own.InFlight > 0)
            {
                if (Stopwatch.GetElapsedTime(began) > s_unregisterLimit)
                {
                    throw new LunException(
                        LunError.PathLost,
                        $"{this}: {own.InFlight} I/Os under {own.Key} did not end in {s_unregisterLimit.TotalSeconds:0} s. "
                        + "The key is gone, but they may still land.");
                }

                PollWait.For(1);
            }

            _table.EndDrain(own);
        }
    }

    /// <summary>The kernel's file systems end a write when nothing of it is left; below a block device may be a path.</summary>
    public bool FailedWritesAreOver => !_isDevice;

    public bool TryEnter() => _registration is { } own && own.TryEnter();

    public void Leave()
    {
        var own = _registration;
        Invariant.Holds(own is not null, "I/O ended on a LUN on which none had begun.");
        own.Leave();
    }

    /// <summary>True: counted under our key. False: let in without one. Throws when the LUN refuses.</summary>
    private bool BeginChange()
    {
        if (_registration is { } own)
        {
            return own.TryEnter() ? true : throw Conflict("a write");
        }

        if (Interlocked.Increment(ref _anonymous) >= AnonymousClosed)
        {
            Interlocked.Decrement(ref _anonymous);
            throw new LunException(LunError.ReservationConflict, $"{this} is just being registered; write after that.");
        }

        if (_table.IsReserved)
        {
            Interlocked.Decrement(ref _anonymous);
            throw Conflict("a write");
        }

        return false;
    }

    private void EndChange(bool counted)
    {
        if (counted)
        {
            Leave();
        }
        else
        {
            Interlocked.Decrement(ref _anonymous);
        }
    }

    /// <summary>
    /// Returns when nothing of the victim is in flight. A living holder counts its I/O down; a dead one's is over when its
    /// descriptor is (waiting for the process is not enough); one that does neither in time is ended (SAFETY 3, 8).
    /// </summary>
    private void Drain(Registration victim, TimeSpan drainLimit)
    {
        using var holder = Registrant.Find(victim.Process, victim.ProcessStart);
        if (WaitForDrain(victim, holder, drainLimit))
        {
            return;
        }

        if (holder.IsThisProcess)
        {
            throw new LunException(
                LunError.PathLost,
                $"{this}: {victim.InFlight} I/Os under {victim.Key} did not end in {drainLimit.TotalSeconds:0.#} s, "
                + "and their holder is this very process. They may still land; end the process.");
        }

        LunLog.EndsHolder(_log, victim.Process, _path, victim.Key.Value, victim.InFlight, (long)drainLimit.TotalMilliseconds);
        holder.Kill();
        if (!WaitForDrain(victim, holder, s_abortLimit))
        {
            throw new LunException(
                LunError.PathLost,
                $"{this}: process {victim.Process} was ended, but what it had in flight under {victim.Key} is not over after "
                + $"{s_abortLimit.TotalSeconds:0} s. It may still land; fence again when the disk answers.");
        }
    }

    private bool WaitForDrain(Registration victim, Registrant holder, TimeSpan limit)
    {
        var began = Stopwatch.GetTimestamp();
        for (var pause = 1; ; pause = Math.Min(pause * 2, 10))
        {
            var ended = holder.HasEnded;
            if (ended && GuardsOff.HasFlag(FenceGuards.Descriptor))
            {
                return true;
            }

            if (_table.IsDescriptionGone(victim) || (!ended && victim.InFlight == 0))
            {
                return true;
            }

            if (Stopwatch.GetElapsedTime(began) >= limit)
            {
                return false;
            }

            if (ended)
            {
                PollWait.For(pause);
            }
            else
            {
                holder.WaitForEnd(pause);
            }
        }
    }

    private LunException Conflict(string what) => new(
        LunError.ReservationConflict,
        _registration is { } own
            ? $"{this} refused {what}: {own.Key} is not registered any more. Only a new incarnation may go on."
            : $"{this} refused {what}: it is reserved and this device has registered no key.");
}
