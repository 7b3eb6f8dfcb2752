namespace Covol.Ntfs;

/// <summary>
/// What can be wrong with a volume. The codes (<see cref="FindingCodes"/>) are stable: scripts compare them. New kinds are added at the end
/// of their group; docs/internals/check.md lists all.
/// </summary>
public enum FindingKind
{
    NotAVolume,
    BootCopyDiffers,
    VolumeDirty,
    LogFileNotClean,
    UpperCaseTable,
    AttributeDefinitions,

    TableUnreadable,
    MirrorDiffers,
    RecordTorn,
    RecordDamaged,
    RecordNumber,
    RecordNotMarked,
    RecordMarkedFree,
    StandardInformation,
    AttributeTwice,
    AttributeList,
    ExtentRecordLost,

    RunListDamaged,
    RunOutside,
    ClusterShared,
    ClusterNotMarked,
    ClusterLost,
    AllocatedSize,
    SizesOutOfOrder,
    CompressedSize,
    CompressionUnit,

    LinkCount,
    NameDamaged,
    NameNotIndexed,
    NameParent,
    DirectoryCycle,
    DirectoryKind,

    IndexDamaged,
    IndexBlockTorn,
    IndexBitmap,
    IndexOrder,
    IndexTwice,
    IndexDangling,
    IndexForeign,
    IndexRule,

    SecurityUnknown,
    SecurityDescriptor,
    SecurityIndex,
    ReparseNotIndexed,
    ReparseStray,
    ReparseDamaged,
    ObjectIdNotIndexed,
    ObjectIdStray,
    ObjectIdDamaged,
    QuotaIndex,

    ExtendedAttributes,
    OwnAttributes,

    JournalLocator,
    JournalPlace,
    JournalSuperblock,
    JournalRefused,
    OwnFileMissing,
}
