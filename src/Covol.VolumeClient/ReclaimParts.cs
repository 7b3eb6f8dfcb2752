using Covol.Protocol.Volume;
using Covol.Protocol.Wire;

namespace Covol.VolumeClient;

/// <summary>Cuts what a handle had into messages that fit a frame; a program may hold thousands of locks through one.</summary>
internal static class ReclaimParts
{
    /// <summary>A lock has at most 60 bytes on the wire (values.proto, HeldLock), so these fit <see cref="WireLimits.FieldsLengthMax"/>.</summary>
    private const int LocksMax = 1_000;

    /// <summary>In this order: the layout, where there is one, is in the first.</summary>
    public static IEnumerable<ReclaimHandle> Of(ReclaimHandle whole)
    {
        if (whole.Locks.Count == 0 || VolumeCodec.SizeOf(whole) <= WireLimits.FieldsLengthMax)
        {
            yield return whole;
            yield break;
        }

        if (whole.Layout is not null)
        {
            yield return whole with { Locks = [] };
        }

        foreach (var locks in whole.Locks.Chunk(LocksMax))
        {
            yield return whole with { Locks = locks, Layout = null };
        }
    }
}
