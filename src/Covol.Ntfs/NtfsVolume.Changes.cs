using Covol.Protocol.Volume;

namespace Covol.Ntfs;

/// <summary>
/// A change is carried out as a whole or not at all, and never adds more pages to a commit than the journal holds: a volume of
/// many
/// terabytes has more bitmap pages than that, and one large file may touch them all (SAFETY 17).
/// </summary>
public sealed partial class NtfsVolume
{
    /// <summary>Halvings of <see cref="GrowthPieceMax"/> down to a cluster of 4 KiB.</summary>
    private const int StepShiftMax = 24;

    private int _stepShift;

    /// <summary>
    /// Half of a commit is kept for the change that comes. No single one takes more: names, attributes and records are a few
    /// dozen
    /// pages, and everything larger goes in steps.
    /// </summary>
    public bool HasRoomForChange => _device.Room >= _device.CommitPagesMax / 2;

    /// <summary>Carries out one change, all or nothing.</summary>
    private T Change<T>(Func<T> operation) => Attempt(operation) is (true, var result) ? result! : throw NoRoomInCommit();

    /// <summary>
    /// Carries out part of a change: as much as touches about so many pages. Where even that does not fit (what a fragmented
    /// volume takes
    /// nobody knows before), a quarter of it, and so on; the next change begins near what fitted.
    /// </summary>
    private T ChangeInSteps<T>(Func<StepSize, T> step)
    {
        for (var shift = Math.Max(0, _stepShift - 2); shift <= StepShiftMax; shift += 2)
        {
            var size = new StepSize(
                Math.Max(1, _device.CommitPagesMax / 8 >> shift), Math.Max(ClusterSize, GrowthPieceMax >> shift));
            if (Attempt(() => step(size)) is (true, var result))
            {
                _stepShift = shift;
                return result!;
            }
        }

        throw NoRoomInCommit();
    }

    private Exception NoRoomInCommit() => _device.HasUncommitted
        ? new GroupFullException("The changes since the last commit fill the journal; commit them, then ask again.")
        : new VolumeException(VolumeError.NoSpace, "The change is larger than the volume's journal.");

    /// <summary>False: it needed more pages than the commit has room for, and everything is as it was.</summary>
    private (bool Fits, T? Result) Attempt<T>(Func<T> operation)
    {
        AssertUsable();
        _device.BeginOperation();
        try
        {
            var result = operation();
            if (!_device.OperationOverflowed)
            {
                _device.EndOperation();
                return (true, result);
            }
        }
        catch (VolumeException) when (!_device.OperationOverflowed)
        {
            Undo();
            throw;
        }
        catch when (!_device.OperationOverflowed)
        {
            _broken = true;
            throw;
        }
#pragma warning disable CA1031 // Whatever the library made of the refused write: the whole operation is undone.
        catch
#pragma warning restore CA1031
        {
            Undo();
            return (false, default);
        }

        // The library went over the refused write as if nothing were.
        Undo();
        return (false, default);
    }

    private void Undo()
    {
        if (!_device.OperationWrote && !_device.OperationOverflowed)
        {
            _device.EndOperation();
            return;
        }

        try
        {
            _device.UndoOperation();
            _mounted.Remount();
        }
        catch
        {
            _broken = true;
            throw;
        }
    }

    /// <summary>What one step aims at; what keeps the limit is the room that the overlay has.</summary>
    /// <param name="Pages">Pages to change: at first an eighth of the largest commit, so that several steps share one.</param>
    /// <param name="Bytes">What the library is asked for at once, so many bytes of data.</param>
    private readonly record struct StepSize(long Pages, long Bytes);
}
