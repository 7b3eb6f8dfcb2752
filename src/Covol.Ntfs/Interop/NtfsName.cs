namespace Covol.Ntfs;

/// <summary>One name of an inode.</summary>
/// <param name="Parent">File reference of the directory, with its sequence number.</param>
/// <param name="Name">The name in it.</param>
internal readonly record struct NtfsName(ulong Parent, string Name);
