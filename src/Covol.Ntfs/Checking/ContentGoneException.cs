namespace Covol.Ntfs.Checking;

/// <summary>
/// Clusters that an online check wanted to read were freed after its snapshot and given to a file whose data is written past us. What they
/// held belongs to something that is deleted by now.
/// </summary>
internal sealed class ContentGoneException() : Exception("The content was freed and reused after the snapshot.");
