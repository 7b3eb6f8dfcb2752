namespace Covol.Ntfs;

/// <summary>The online check: the volume goes on meanwhile, no request waits for it.</summary>
public sealed partial class NtfsVolume
{
    /// <summary>
    /// Old content of pages that change while a check runs, 64 MiB: with it an online check is over before it costs the coordinator more than
    /// the offline one would.
    /// </summary>
    public const int CheckPagesMax = 16_384;

    /// <summary>Begins one; there is one at a time.</summary>
    public OnlineCheck BeginCheck() => BeginCheck(CheckPagesMax);

    /// <summary>Ends it, whether it was run or not.</summary>
    public void EndCheck()
    {
        AssertUsable();
        _device.EndSnapshot();
    }

    internal OnlineCheck BeginCheck(int pagesMax)
    {
        AssertUsable();
        return new OnlineCheck(_device.BeginSnapshot(pagesMax));
    }
}
