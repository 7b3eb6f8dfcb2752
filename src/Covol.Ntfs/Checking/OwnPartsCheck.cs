using System.Buffers.Binary;
using Covol.Protocol.Journal;

namespace Covol.Ntfs.Checking;

/// <summary>What is there once: boot sectors, the MFT's mirror, $Volume's flags, $LogFile, and Covol's journal.</summary>
internal sealed class OwnPartsCheck(VolumeImage image, MftTable table, PathNames paths, FindingList findings)
{
    private const int MirroredRecords = 4;
    private const ulong LogFile = 2;
    private const ulong Volume = 3;
    private const int FlagsOffset = 10;
    private const ushort DirtyFlag = 1;

    public void CheckBootCopy()
    {
        var boot = image.ReadBytes(0, JournalFormat.SectorSize);
        if (!boot.AsSpan().SequenceEqual(image.ReadBytes(image.Geometry.BackupBoot.Value, JournalFormat.SectorSize)))
        {
            findings.Tell(FindingKind.BootCopyDiffers, "backup boot sector", "it differs from the boot sector");
        }
    }

    public void CheckMirror()
    {
        var size = image.Geometry.MftRecordSize;
        var mirror = image.ReadBytes(image.Geometry.MftMirrorStart * image.Geometry.ClusterSize, MirroredRecords * size);
        table.Visit((first, _) => first < MirroredRecords, (number, record) =>
        {
            if (number < MirroredRecords && !record.SequenceEqual(mirror.AsSpan((int)number * size, size)))
            {
                findings.Tell(FindingKind.MirrorDiffers, $"$MFTMirr, record {number}", "it differs from the record in the MFT");
            }
        });
    }

    public void CheckVolumeFlags(IReadOnlyDictionary<ulong, MftRecord> own)
    {
        if (own.GetValueOrDefault(Volume)?.Find(MftRecord.VolumeInformation)?.Value is { Length: >= FlagsOffset + 2 } information
            && (BinaryPrimitives.ReadUInt16LittleEndian(information.AsSpan(FlagsOffset)) & DirtyFlag) != 0)
        {
            findings.Tell(FindingKind.VolumeDirty, "$Volume", "it is marked as in need of a check");
        }

        if (own.GetValueOrDefault(LogFile)?.Find(MftRecord.Data) is { } log)
        {
            CheckLogFile(log);
        }
    }

    /// <summary>NTFS's own log, which Covol never uses: empty (all ones), or closed in order by whoever used it (logfile.h, RESTART_AREA).</summary>
    private void CheckLogFile(MftAttribute log)
    {
        const int clientInUseOffset = 12;
        const int flagsOffset = 14;
        const ushort noClient = 0xFFFF;
        const ushort cleanFlag = 2;
        var page = new byte[JournalFormat.PageSize];
        if (!new AttributeContent(image, log).TryRead(0, page))
        {
            findings.Tell(FindingKind.LogFileNotClean, "$LogFile", "it cannot be read");
            return;
        }

        if (!page.AsSpan().ContainsAnyExcept((byte)0xFF))
        {
            return;
        }

        var area = BinaryPrimitives.ReadUInt16LittleEndian(page.AsSpan(24));
        var isRestart = MftRecord.TryFix(page, "RSTR"u8) && area is >= 30 and < JournalFormat.PageSize - 64;
        if (!isRestart || (BinaryPrimitives.ReadUInt16LittleEndian(page.AsSpan(area + clientInUseOffset)) != noClient
            && (BinaryPrimitives.ReadUInt16LittleEndian(page.AsSpan(area + flagsOffset)) & cleanFlag) == 0))
        {
            findings.Tell(FindingKind.LogFileNotClean, "$LogFile", "it holds changes that were not carried out, or is damaged");
        }
    }

    /// <param name="covol">Covol's own files in the root, by their names.</param>
    public void CheckJournal(IReadOnlyDictionary<string, MftRecord> covol)
    {
        var (journal, orphans) = (covol.GetValueOrDefault(FileNames.Journal), covol.GetValueOrDefault(FileNames.Orphans));
        var locator = JournalLocator.Read(image.ReadBytes(JournalLocator.Place, JournalFormat.SectorSize));
        if (locator is null && journal is null && orphans is null)
        {
            // A plain NTFS volume, never adopted or given back: it has nothing of ours and needs nothing.
            return;
        }

        if (orphans is null)
        {
            findings.Tell(FindingKind.OwnFileMissing, FileNames.Orphans, "the volume has no such folder in its root");
        }

        if (locator is null || locator.VolumeSerial != image.Geometry.Serial)
        {
            findings.Tell(FindingKind.JournalLocator, "journal locator", "it is damaged or another volume's");
            return;
        }

        if (journal is null)
        {
            findings.Tell(FindingKind.OwnFileMissing, FileNames.Journal, "the volume has no such file in its root");
            return;
        }

        if (journal.Find(MftRecord.Data) is not { Runs.Count: 1 } data || data.Runs[0].Lcn * image.Geometry.ClusterSize != locator.Start.Value
            || data.Size != locator.Length.Value || data.Valid != data.Size)
        {
            findings.Tell(FindingKind.JournalPlace, paths.Of(journal.Number), "it is not where the journal's locator says, or not in one piece");
            return;
        }

        CheckSuperblock(locator);
    }

    private void CheckSuperblock(JournalLocator locator)
    {
        var slot = JournalFormat.SlotLength(locator.Length.Value);
        for (var index = 0; index < 2; index++)
        {
            if (JournalSuperblock.TryRead(image.ReadBytes(locator.Start.Value + ((long)index * slot), slot), out _))
            {
                return;
            }
        }

        findings.Tell(FindingKind.JournalSuperblock, FileNames.Journal, "neither of its superblocks is valid");
    }
}
