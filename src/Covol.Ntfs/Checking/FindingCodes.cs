namespace Covol.Ntfs;

/// <summary>The code of each kind of finding, and what an administrator does about it.</summary>
public static class FindingCodes
{
    private const string Restore = "Copy what can be read, then restore the volume from a backup";
    private const string Repair = "Take the volume offline and repair it with chkdsk";
    private const string RepairOrRestore = "Copy the file elsewhere and delete it, or repair the volume with chkdsk while it is offline";

    private static readonly Dictionary<FindingKind, (string Code, string Advice)> s_all = new()
    {
        [FindingKind.NotAVolume] = ("volume-unknown", "Check the LUN's URI"),
        [FindingKind.BootCopyDiffers] = ("boot-copy-differs", Repair),
        [FindingKind.VolumeDirty] = ("volume-dirty", "Another program asked for a check: run chkdsk while the volume is offline"),
        [FindingKind.LogFileNotClean] = ("log-file-not-clean", "Mount the volume once with the program that wrote it, and unmount it in order"),
        [FindingKind.UpperCaseTable] = ("upcase-damaged", Restore),
        [FindingKind.AttributeDefinitions] = ("attribute-definitions", Repair),
        [FindingKind.TableUnreadable] = ("mft-unreadable", Restore),
        [FindingKind.MirrorDiffers] = ("mft-mirror-differs", Repair),
        [FindingKind.RecordTorn] = ("mft-record-torn", "Restore the file from a backup, and repair the volume with chkdsk while it is offline"),
        [FindingKind.RecordDamaged] = ("mft-record-damaged", RepairOrRestore),
        [FindingKind.RecordNumber] = ("mft-record-number", Repair),
        [FindingKind.RecordNotMarked] = ("mft-record-not-marked", "Do not write to the volume: the record may be given away. " + Repair),
        [FindingKind.RecordMarkedFree] = ("mft-record-marked-free", "Nothing is in danger; a record is lost until chkdsk gives it back"),
        [FindingKind.StandardInformation] = ("standard-information", RepairOrRestore),
        [FindingKind.AttributeTwice] = ("attribute-twice", RepairOrRestore),
        [FindingKind.AttributeList] = ("attribute-list", RepairOrRestore),
        [FindingKind.ExtentRecordLost] = ("extent-record-lost", Repair),
        [FindingKind.RunListDamaged] = ("run-list-damaged", "Restore the file from a backup"),
        [FindingKind.RunOutside] = ("run-outside", "Restore the file from a backup"),
        [FindingKind.ClusterShared] = (
            "cluster-shared", "Copy both files elsewhere, delete both, and compare them with a backup: one holds the other's content"),
        [FindingKind.ClusterNotMarked] = ("cluster-not-marked", "Do not write to the volume: the cluster may be given away. " + Repair),
        [FindingKind.ClusterLost] = ("cluster-lost", "Nothing is in danger; the room is lost until chkdsk gives it back"),
        [FindingKind.AllocatedSize] = ("size-allocated", RepairOrRestore),
        [FindingKind.SizesOutOfOrder] = ("size-order", RepairOrRestore),
        [FindingKind.CompressedSize] = ("size-compressed", RepairOrRestore),
        [FindingKind.CompressionUnit] = ("compression-unit", "Restore the file from a backup"),
        [FindingKind.LinkCount] = ("link-count", Repair),
        [FindingKind.NameDamaged] = ("name-damaged", Repair),
        [FindingKind.NameNotIndexed] = ("name-not-indexed", "The file cannot be reached by this name. " + Repair),
        [FindingKind.NameParent] = ("name-parent", "The file cannot be reached by this name. " + Repair),
        [FindingKind.DirectoryCycle] = ("directory-cycle", Repair),
        [FindingKind.DirectoryKind] = ("directory-kind", Repair),
        [FindingKind.IndexDamaged] = ("index-damaged", Repair),
        [FindingKind.IndexBlockTorn] = ("index-block-torn", Repair),
        [FindingKind.IndexBitmap] = ("index-bitmap", Repair),
        [FindingKind.IndexOrder] = ("index-order", "Names behind it may not be found. " + Repair),
        [FindingKind.IndexTwice] = ("index-twice", Repair),
        [FindingKind.IndexDangling] = ("index-dangling", "The name leads nowhere. " + Repair),
        [FindingKind.IndexForeign] = ("index-foreign", Repair),
        [FindingKind.IndexRule] = ("index-rule", Repair),
        [FindingKind.SecurityUnknown] = ("security-unknown", "Windows refuses the file. " + Repair),
        [FindingKind.SecurityDescriptor] = ("security-descriptor", Repair),
        [FindingKind.SecurityIndex] = ("security-index", Repair),
        [FindingKind.ReparseNotIndexed] = ("reparse-not-indexed", Repair),
        [FindingKind.ReparseStray] = ("reparse-stray", Repair),
        [FindingKind.ReparseDamaged] = ("reparse-damaged", "Delete the link and make it again"),
        [FindingKind.ObjectIdNotIndexed] = ("object-id-not-indexed", "Windows does not find the file by its object id. " + Repair),
        [FindingKind.ObjectIdStray] = ("object-id-stray", Repair),
        [FindingKind.ObjectIdDamaged] = ("object-id-damaged", RepairOrRestore),
        [FindingKind.QuotaIndex] = ("quota-index", "Nothing is in danger; turn quotas off and on again with Windows while the volume is offline"),
        [FindingKind.ExtendedAttributes] = (
            "ea-damaged", "Set the file's owner, mode and extended attributes again, or copy it elsewhere and delete it"),
        [FindingKind.OwnAttributes] = ("ea-own", "Set the file's owner and mode again with chown and chmod"),
        [FindingKind.JournalLocator] = ("journal-locator", "Do not put the volume online: restore it from a backup"),
        [FindingKind.JournalPlace] = ("journal-place", "Do not put the volume online: restore it from a backup"),
        [FindingKind.JournalSuperblock] = ("journal-superblock", "Do not put the volume online: restore it from a backup"),
        [FindingKind.JournalRefused] = ("journal-refused", "Do not put the volume online before it was repaired or restored"),
        [FindingKind.OwnFileMissing] = ("own-file-missing", "Do not put the volume online: restore it from a backup"),
    };

    public static string CodeOf(FindingKind kind) => s_all[kind].Code;

    public static string AdviceOf(FindingKind kind) => s_all[kind].Advice;
}
