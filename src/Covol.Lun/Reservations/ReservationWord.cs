using Covol.Protocol;

namespace Covol.Lun.Reservations;

/// <summary>What a slot of the reservation table is doing.</summary>
internal enum SlotState
{
    Free = 0,

    /// <summary>The key is registered: its holder may write.</summary>
    Registered = 1,

    /// <summary>The key is gone (preempted, or being given up); I/O begun under it may still be in flight.</summary>
    Draining = 2,

    /// <summary>The key is gone and nothing is in flight; the slot is kept until the holder's descriptor is closed.</summary>
    Fenced = 3,
}

/// <summary>
/// The one word by which a registrant and its fencers agree. State, number of the registration and I/O in flight change
/// together in one compare-and-swap, so "is my key still registered?" and "count me in" are a single step: no I/O can slip in
/// between a fencer's look at the counter and its change of the state, and a word of an earlier life is never counted on.
/// <code>
///   bit 63..28 number of the registration ("life") | 27..24 state | 23..0 I/O in flight
/// </code>
/// </summary>
internal static unsafe class ReservationWord
{
    public const long LifeMax = (1L << 36) - 1;

    private const int StateShift = 24;
    private const int LifeShift = 28;
    private const long CountMask = (1L << StateShift) - 1;

    public static long Make(long life, SlotState state) => (life << LifeShift) | ((long)state << StateShift);

    public static long Life(long word) => (long)((ulong)word >> LifeShift);

    public static SlotState State(long word) => (SlotState)((word >> StateShift) & 0xF);

    public static long InFlight(long word) => word & CountMask;

    /// <summary>
    /// One I/O more if <paramref name="life"/> is still registered. Lock-free: a failed swap means another one won.
    /// </summary>
    public static bool TryEnter(long* at, long life)
    {
        var open = Make(life, SlotState.Registered);
        var seen = Volatile.Read(ref *at);
        while ((seen & ~CountMask) == open)
        {
            Invariant.Holds((seen & CountMask) != CountMask, "More I/O is in flight under one key than can be counted.");
            var before = Interlocked.CompareExchange(ref *at, seen + 1, seen);
            if (before == seen)
            {
                return true;
            }

            seen = before;
        }

        return false;
    }

    /// <summary>One I/O less. A slot that lives another life meanwhile (ours was ended and drained) is not touched.</summary>
    public static void Leave(long* at, long life)
    {
        var seen = Volatile.Read(ref *at);
        while (Life(seen) == life)
        {
            Invariant.Holds((seen & CountMask) != 0, "More I/O ended under a reservation key than had begun.");
            var before = Interlocked.CompareExchange(ref *at, seen - 1, seen);
            if (before == seen)
            {
                return;
            }

            seen = before;
        }
    }

    /// <summary>
    /// Changes the state of one life, whatever the count does meanwhile. False: the slot is not in that life and state.
    /// </summary>
    public static bool TryMove(long* at, long life, SlotState from, SlotState to)
    {
        var open = Make(life, from);
        var seen = Volatile.Read(ref *at);
        while ((seen & ~CountMask) == open)
        {
            var before = Interlocked.CompareExchange(ref *at, Make(life, to) | (seen & CountMask), seen);
            if (before == seen)
            {
                return true;
            }

            seen = before;
        }

        return false;
    }
}
