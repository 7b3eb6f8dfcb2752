namespace Covol.Ntfs;

/// <summary>
/// A change does not fit the journal beside what is uncommitted already. The volume is as it was before it: commit, then carry
/// it out
/// again. A caller that looks at <see cref="INtfsVolume.HasRoomForChange"/> before each change does not meet it.
/// </summary>
public sealed class GroupFullException(string message) : Exception(message);
