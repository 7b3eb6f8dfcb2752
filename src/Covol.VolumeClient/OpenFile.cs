using System.Diagnostics.CodeAnalysis;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;

namespace Covol.VolumeClient;

/// <summary>
/// One open of a file. The mapping calls are the data path: any thread, no lock, no allocation. A mapping that succeeded pins
/// the layout until <see cref="ReadEnded"/> or <see cref="WriteEnded"/>, called exactly once when the LUN's I/O has ended.
/// </summary>
public sealed class OpenFile
{
    private volatile bool _isDead;

    internal OpenFile(ClientFile file, HandleId id, OpenAccess access)
    {
        Owner = file;
        Id = id;
        Access = access;
    }

    public HandleId Id { get; }

    public FileId File => Owner.Id;

    public OpenAccess Access { get; }

    /// <summary>The session that opened it ended, or it could not be reclaimed: everything through it fails.</summary>
    public bool IsDead => _isDead;

    /// <summary>Whether the file has a layout now.</summary>
    public bool HasLayout => Owner.Layout is not null;

    internal ClientFile Owner { get; }

    internal void Die() => _isDead = true;

    /// <summary>
    /// Where to read on the LUN: whole blocks around the wanted bytes, in order, the first beginning up to a block before
    /// <paramref name="offset"/>. False: ask the coordinator.
    /// </summary>
    public bool TryMapRead(
        FileByteOffset offset, int length, Span<LunSegment> segments, out int count, [NotNullWhen(true)] out LayoutSnapshot? pinned)
    {
        count = 0;
        if (_isDead || !Owner.TryPin(out pinned))
        {
            pinned = null;
            return false;
        }

        if (pinned.IsLeaseRunning && pinned.TryMapRead(offset.Value, length, segments, out count))
        {
            return true;
        }

        pinned.Unpin();
        pinned = null;
        return false;
    }

    /// <summary>
    /// Where to write on the LUN. Only whole blocks within valid data or the layout's tail; everything else is the coordinator's (SAFETY 10).
    /// </summary>
    /// <param name="offset">Where in the file.</param>
    /// <param name="length">How much, in bytes.</param>
    /// <param name="segments">Gets the places.</param>
    /// <param name="count">How many there are.</param>
    /// <param name="pinned">The layout.</param>
    /// <param name="isStable">It is to be stable when it is answered: not in a tail, which only the coordinator makes valid.</param>
    public bool TryMapWrite(
        FileByteOffset offset,
        int length,
        Span<LunSegment> segments,
        out int count,
        [NotNullWhen(true)] out LayoutSnapshot? pinned,
        bool isStable = false)
    {
        count = 0;
        if (_isDead || (Access & OpenAccess.Write) == 0 || !Owner.TryPin(out pinned))
        {
            pinned = null;
            return false;
        }

        if (pinned.IsLeaseRunning && !(isStable && pinned.EndsInTail(offset.Value, length))
            && pinned.TryMapWrite(offset.Value, length, segments, out count))
        {
            return true;
        }

        pinned.Unpin();
        pinned = null;
        return false;
    }

    /// <summary>
    /// A direct read has ended. False: it failed, or the lease ran out meanwhile, so that the bytes may be another file's by now
    /// (SAFETY 7); ask the coordinator instead of replying them.
    /// </summary>
    public bool ReadEnded(LayoutSnapshot pinned, int length, bool succeeded)
    {
        var mayReply = succeeded && pinned.IsLeaseRunning;
        pinned.Unpin();
        if (mayReply)
        {
            Owner.CountDirect(length);
        }

        return mayReply;
    }

    /// <summary>A direct write has ended; called before its reply. A failed one may have written some of it.</summary>
    public void WriteEnded(LayoutSnapshot pinned, FileByteOffset offset, int length, bool succeeded)
    {
        Owner.WroteDirectly();
        pinned.WriteEnded(offset.Value, length, succeeded);
        pinned.Unpin();
        if (succeeded)
        {
            Owner.CountDirect(length);
        }
    }

    /// <summary>
    /// A direct write of valid data has ended and the LUN was flushed after it; called before its reply. False: one of them failed, or the
    /// right to the layout was lost meanwhile; ask the coordinator to write it instead of replying.
    /// </summary>
    public bool StableWriteEnded(LayoutSnapshot pinned, FileByteOffset offset, int length, bool succeeded)
    {
        var mayReply = succeeded && !_isDead && !pinned.IsClosed && pinned.IsLeaseRunning;
        WriteEnded(pinned, offset, length, mayReply);
        return mayReply;
    }

    /// <summary>
    /// After <see cref="TryMapWrite"/> refused a write: where that is only because what lies behind valid length is just being told, or room
    /// there is on its way, ends when it was, and mapping it again may succeed. Null: ask the coordinator.
    /// </summary>
    public Task? PauseOf(FileByteOffset offset, int length) =>
        Owner.Layout?.Tail?.Pause(offset.Value, length) ?? Owner.RoomComing(offset.Value, length);

    /// <summary>
    /// fdatasync without the coordinator: true when flushing the LUN makes everything stable that this node has acknowledged of
    /// the file's data, because all of it was written directly since the last fsync there. Pins the layout until
    /// <see cref="FlushEnded"/>, called exactly once. False: ask the coordinator, or be told what was lost. Any thread.
    /// </summary>
    public bool TryBeginFlush([NotNullWhen(true)] out LayoutSnapshot? pinned)
    {
        if (_isDead || Owner.HasLostTail || !Owner.HasOnlyDirectWrites || !Owner.TryPin(out pinned))
        {
            pinned = null;
            return false;
        }

        // What lies behind valid length has to be told first.
        if (pinned.IsLeaseRunning && pinned.Layout.Access == LayoutAccess.ReadWrite && pinned.Tail is null or { IsAllTold: true })
        {
            return true;
        }

        pinned.Unpin();
        pinned = null;
        return false;
    }

    /// <summary>
    /// The LUN's flush has ended. False: it failed, or the right to the layout was lost meanwhile; ask the coordinator instead of
    /// replying.
    /// </summary>
    public bool FlushEnded(LayoutSnapshot pinned, bool succeeded)
    {
        var mayReply = succeeded && !_isDead && !Owner.HasLostTail && !pinned.IsClosed && pinned.IsLeaseRunning;
        pinned.Unpin();
        return mayReply;
    }
}
