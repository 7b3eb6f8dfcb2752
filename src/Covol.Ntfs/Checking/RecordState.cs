namespace Covol.Ntfs.Checking;

[Flags]
internal enum RecordState : byte
{
    None = 0,
    InUse = 1,
    Directory = 2,
    Extent = 4,

    /// <summary>Torn or damaged: whoever leads to it may be right.</summary>
    Unreadable = 8,

    /// <summary>A directory whose index could not be read as a whole: names that are missing there say nothing.</summary>
    IndexUnknown = 16,

    /// <summary>Met on the way up from a directory to the root.</summary>
    ReachesRoot = 32,

    /// <summary>A name in some index that the file does not have was told: that the file's own is missing there says nothing more.</summary>
    NameDisputed = 64,

    /// <summary>It has an object id that could not be read.</summary>
    ObjectIdUnknown = 128,
}
