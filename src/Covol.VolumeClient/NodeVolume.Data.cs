using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;

namespace Covol.VolumeClient;

public sealed partial class NodeVolume
{
    /// <summary>
    /// Reads through the coordinator into <paramref name="target"/>; fewer bytes than asked only at the end of the file. Asks
    /// for a layout on the way, where one could have served.
    /// </summary>
    public async ValueTask<int> ReadAsync(OpenFile handle, FileByteOffset offset, Memory<byte> target)
    {
        RefuseDead(handle);
        var sent = await _keeper.SendAsync(
            new ReadData(handle.File, offset, target.Length), default, target, Urgency.Ordinary, handle: handle).ConfigureAwait(false);
        var read = Expect<DataRead>(sent.Reply).Length;
        if (read < 0 || read > target.Length || read != sent.DataLength)
        {
            throw new VolumeException(VolumeError.IoFailed, "The coordinator answered a read with another number of bytes than it sent.");
        }

        handle.Owner.CountRedirected(read);
        if (handle.Owner.Layout is not { } layout)
        {
            handle.Owner.SizeSeen(new ByteCount(offset.Value + read));
            if (handle.Owner.LargestSize >= _settings.LayoutFrom)
            {
                WantLayout(handle.Owner);
            }
        }
        else if (read > 0 && read == target.Length && offset.Value + read > layout.Layout.ValidLength.Value)
        {
            WantLayout(handle.Owner);
        }
        else if (layout.HasHoleIn(offset.Value, read) && (layout.Layout.IsPart || target.Span[..read].ContainsAnyExcept((byte)0)))
        {
            // The place was not told, or something was found there through the coordinator, so somebody filled it.
            WantWider(handle.Owner, layout, offset);
        }

        return read;
    }

    /// <summary>
    /// Writes through the coordinator: what extends, appends, fills, or changes parts of blocks. With <paramref name="isStable"/> it ends
    /// when no crash loses it any more.
    /// </summary>
    public async ValueTask<DataWritten> WriteAsync(
        OpenFile handle, FileByteOffset offset, bool append, bool clearSetId, ReadOnlyMemory<byte> source, bool isStable = false)
    {
        RefuseDead(handle);
        await LateWritesOverAsync().ConfigureAwait(false);
        var request = new WriteData(handle.File, offset, append, clearSetId);
        DataWritten written;
        int blockSize;
        handle.Owner.RedirectedWriteMoved();
        try
        {
            var sent = await _keeper.SendAsync(request, source, default, Urgency.Ordinary, handle: handle).ConfigureAwait(false);
            written = Expect<DataWritten>(sent.Reply);
            blockSize = sent.Link.Session.BlockSize;
        }
        finally
        {
            handle.Owner.RedirectedWriteMoved();
        }

        handle.Owner.CountRedirected(source.Length);

        // Who wants each write stable gains nothing by room behind the end: every write would have to be told.
        var grows = !isStable && handle.Owner.NoteGrowth(
            written.Offset.Value, written.Offset.Value + source.Length, written.Size, append, _settings.TailAfterWrites, blockSize);
        if (handle.Owner.Layout is not { } layout)
        {
            if (written.Size >= _settings.LayoutFrom)
            {
                WantLayout(handle.Owner, withTail: grows);
            }
        }
        else if (grows && !layout.Layout.HasTail && written.Size >= _settings.LayoutFrom)
        {
            WantLayout(handle.Owner, withTail: true);
        }
        else if (layout.Layout.Access == LayoutAccess.Read
            || (written.Offset.Value >= layout.WriteEnd && written.Offset.Value + source.Length < written.Size.Value))
        {
            WantLayout(handle.Owner);
        }
        else if (layout.HasHoleIn(written.Offset.Value, source.Length))
        {
            WantWider(handle.Owner, layout, written.Offset);
        }

        if (isStable)
        {
            await SynchronizeAsync(handle.File).ConfigureAwait(false);
        }

        return written;
    }

    /// <summary>
    /// fallocate. A long range is asked for part by part: each is carried out exactly once, and others get their turns in between. A failure
    /// may leave the beginning of it carried out, as POSIX allows.
    /// </summary>
    public async ValueTask AllocateAsync(OpenFile handle, AllocationMode mode, FileByteOffset offset, ByteCount length)
    {
        RefuseDead(handle);
        var allocate = new Allocate(handle.File, mode, offset, length);
        while (true)
        {
            if (await AskAsync<VolumeReply>(allocate, handle).ConfigureAwait(false) is not Allocated part)
            {
                return;
            }

            var left = allocate.Offset.Value + allocate.Length.Value - part.UpTo.Value;
            if (part.UpTo <= allocate.Offset || left <= 0)
            {
                throw new VolumeException(VolumeError.IoFailed, $"The coordinator allocated up to {part.UpTo}, which is no part of what was asked.");
            }

            allocate = allocate with { Offset = part.UpTo, Length = new ByteCount(left) };
        }
    }

    /// <summary>A file that is known to be large gets its layout at open, before its first I/O.</summary>
    public void ExpectData(OpenFile handle, ByteCount size)
    {
        if (size >= _settings.LayoutFrom)
        {
            WantLayout(handle.Owner);
        }
    }

    /// <summary>
    /// fsync: everything acknowledged so far is stable when this ends. The caller's direct writes are complete (SAFETY 19).
    /// </summary>
    public async ValueTask SynchronizeAsync(FileId file)
    {
        if (_files.TryGetValue(file, out var known))
        {
            await TellTailsAsync(known).ConfigureAwait(false);
        }

        await TellFailedFlushesAsync().ConfigureAwait(false);
        var wrote = known is not null && known.TakeWroteDirectly();

        // Before it is sent: a write that ends while the coordinator flushes is the next fsync's.
        var redirects = known?.Redirects ?? 0;
        try
        {
            await AskAsync<Done>(new Synchronize(file, wrote)).ConfigureAwait(false);
            known?.Synchronized(redirects);
        }
        catch (VolumeException)
        {
            if (wrote)
            {
                known!.WroteDirectly();
            }

            throw;
        }
    }

    /// <summary>
    /// Changes attributes. This node's own direct writes are said first: said at the file's close they would make it newer than a program
    /// (cp -p, tar, rsync) has just said it is.
    /// </summary>
    public async ValueTask<InodeAttributes> SetAttributesAsync(FileId file, AttributeChange change)
    {
        await NoteDirectWritesAsync(file, Urgency.Ordinary).ConfigureAwait(false);
        return (await AskAsync<Entry>(new SetAttributes(file, change)).ConfigureAwait(false)).Attributes;
    }

    /// <summary>Changes a file's size; through a handle where the program has one.</summary>
    public async ValueTask<InodeAttributes> SetSizeAsync(FileId file, OpenFile? handle, ByteCount size)
    {
        if (handle is not null)
        {
            RefuseDead(handle);
        }

        return (await AskAsync<Entry>(new SetSize(file, size), handle).ConfigureAwait(false)).Attributes;
    }

    /// <summary>syncfs: as <see cref="SynchronizeAsync"/> for everything that this node has acknowledged.</summary>
    public async ValueTask SynchronizeAllAsync(FileId root)
    {
        foreach (var file in _files.Values)
        {
            await TellTailsAsync(file).ConfigureAwait(false);
        }

        await SynchronizeAsync(root).ConfigureAwait(false);
    }

    /// <summary>FUSE FLUSH: a descriptor of the handle was closed by <paramref name="owner"/>, whose range locks go.</summary>
    public async ValueTask FlushAsync(OpenFile handle, LockOwner owner)
    {
        try
        {
            await NoteDirectWritesAsync(handle.File, Urgency.Ordinary).ConfigureAwait(false);
        }
        finally
        {
            await ReleaseOwnerAsync(handle, owner).ConfigureAwait(false);
        }

        // The last thing that the program hears of this file.
        await TellTailsAsync(handle.Owner).ConfigureAwait(false);
    }

    private static void RefuseDead(OpenFile handle)
    {
        if (handle.IsDead)
        {
            throw new VolumeException(VolumeError.NoSuchHandle, "The session in which the file was opened has ended.");
        }
    }

    private async ValueTask NoteDirectWritesAsync(FileId id, Urgency urgency)
    {
        if (!_files.TryGetValue(id, out var file) || !file.TakeWroteDirectly())
        {
            return;
        }

        try
        {
            var sent = await _keeper.SendAsync(new NoteDirectWrites(id), default, default, urgency).ConfigureAwait(false);
            Expect<Done>(sent.Reply);
        }
        catch (VolumeException)
        {
            file.WroteDirectly();
            throw;
        }
    }
}
