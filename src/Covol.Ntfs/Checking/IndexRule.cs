namespace Covol.Ntfs.Checking;

/// <summary>The order of an index as its root names it (layout.h, COLLATION_RULE). Whoever reads an index searches by it.</summary>
internal enum IndexRule : uint
{
    FileName = 0x01,
    Number = 0x10,
    SecurityId = 0x11,
    SecurityHash = 0x12,
    NumberLists = 0x13,
}
