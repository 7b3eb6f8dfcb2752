using Covol.Coordinator.Driver;
using Covol.Coordinator.Metadata;
using Covol.Coordinator.Sessions;
using Covol.Ntfs;
using Covol.Protocol.Ids;
using Covol.Protocol.Volume;
using StateChange = Covol.Coordinator.Metadata.StateChange;

namespace Covol.Coordinator;

/// <summary>
/// Small files, whose data is in the journal record that makes it valid: a write is one commit, and no flush of its own. Where a file that
/// nobody uses loses its last name, it is freed in the same commit.
/// </summary>
public sealed partial class VolumeCoordinator
{
    /// <summary>Files that are about to be freed together with their name; who opens one waits for the outcome.</summary>
    private readonly Dictionary<FileId, TaskCompletionSource> _removing = [];

    private bool HandlesSmallFiles => _options.JournalsSmallFiles && _parts.Volume is INtfsSmallFiles;

    private static INtfsSmallFiles SmallFilesOf(MetadataContext context) => (INtfsSmallFiles)context.Volume;

    /// <summary>
    /// A guess; the volume knows. A file whose map is known is written past the journal already, unless it lies in its MFT record.
    /// </summary>
    private bool MayBeSmall(Slot slot, RequestId id, WriteData write, int length) =>
        HandlesSmallFiles
        && length is > 0 and <= INtfsSmallFiles.SmallMax
        && (write.Append || write.Offset.Value + length <= INtfsSmallFiles.SmallMax)
        && (!_options.LooksBeforeSmallWrites || !MayBeWrittenElsewhere(write.File))
        && !IsInDoubt(write.File)
        && slot.PlacedAppend?.Sequence != id.Sequence;

    private bool MayBeWrittenElsewhere(FileId file) =>
        _maps.Find(file) is not (null or { IsResident: true }) || _tails.IsClaimed(file) || _layouts.MayBeHeld(file);

    /// <summary>Inside the gate, alone. Null: the write goes the ordinary way.</summary>
    private async Task<VolumeReply?> TryWriteSmallAsync(RequestId id, WriteData write, ReadOnlyMemory<byte> data)
    {
        var now = _thread.WallClock;
        var written = await _metadata.ChangeAsync(context =>
        {
            if (SmallFilesOf(context).TryWrite(write.File, write.Append ? null : write.Offset.Value, data, now) is not { } placed)
            {
                return null;
            }

            var reply = new DataWritten(placed.Start, placed.Size);
            context.Changes.Add(new StateChange.Answered(id, reply));
            return reply;
        });
        if (written is not null)
        {
            // One of a file in its MFT record: it may lie in clusters by now.
            _maps.Remove(write.File);
            _times.Remove(write.File);
        }

        return written;
    }

    /// <summary>Inside the gate. Null: the file is read where it lies on the LUN.</summary>
    private async Task<ReadOnlyMemory<byte>?> TryReadSmallAsync(ReadData read)
    {
        if (!HandlesSmallFiles || _maps.Find(read.File) is not null || read.Offset.Value >= INtfsSmallFiles.SmallMax)
        {
            return null;
        }

        var bytes = await _metadata.ReadAsync(context => SmallFilesOf(context).TryRead(read.File, read.Offset.Value, read.Length));
        return bytes is null ? (ReadOnlyMemory<byte>?)null : bytes;
    }

    /// <summary>Where nobody uses the file: keeps it so, until the result is disposed of.</summary>
    private Removal? TryBeginRemoval(IReadOnlyList<FileId> found)
    {
        if (!HandlesSmallFiles
            || InGrace
            || found is not [var file]
            || _opens.ContainsKey(file)
            || _orphans.Contains(file)
            || _removing.ContainsKey(file)
            || _tails.IsClaimed(file)
            || _layouts.MayBeHeld(file)
            || _gates.TryEnterAlone(file) is not { } gate)
        {
            return null;
        }

        _removing.Add(file, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        return new Removal(this, file, gate);
    }

    private bool IsBeingRemoved(FileId file) => _options.WaitsForRemovals && _removing.ContainsKey(file);

    /// <summary>Ends when it is known whether the file is still there.</summary>
    private async Task RemovalOf(FileId file)
    {
        while (_options.WaitsForRemovals && _removing.TryGetValue(file, out var running))
        {
            await running.Task;
        }
    }

    /// <summary>A file that is freed with its last name, if the volume finds that it is small.</summary>
    private sealed class Removal(VolumeCoordinator coordinator, FileId file, FileGates.Entered gate) : IDisposable
    {
        private bool _isOver;

        public FileId File => file;

        /// <summary>Set on the metadata thread, read after the operation has ended.</summary>
        public bool IsGone { get; set; }

        public void Dispose()
        {
            if (_isOver)
            {
                return;
            }

            _isOver = true;
            if (IsGone)
            {
                coordinator._maps.Remove(file);
                coordinator._times.Remove(file);
                coordinator._spare.Remove(file);
                coordinator.ForgetLoss(file, isGone: true);
            }

            gate.Dispose();
            coordinator._removing.Remove(file, out var running);
            running!.SetResult();
        }
    }
}
