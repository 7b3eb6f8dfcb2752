namespace Covol.Tests.Ntfs.Support;

/// <summary>A kind of change.</summary>
public enum WorkKind
{
    Create,
    CreateDirectory,
    CreateLink,
    Extend,
    Preallocate,
    Trim,
    Write,
    Cut,
    Unlink,
    Link,
    Rename,
    SetAttributes,
    SetExtended,
    RemoveExtended,
    Purge,
    Stretch,
    Allocate,
    Fill,
    Punch,
    WriteSmall,
    Remove,
}
