using System.Diagnostics;
using System.Globalization;
using Covol.Lun;
using Covol.Ntfs.Format;
using Covol.Ntfs.Journal;
using Covol.Protocol.Ids;
using Covol.Protocol.Journal;
using Covol.Protocol.Units;

namespace Covol.Ntfs;

/// <summary>
/// Makes a new volume on a LUN: mkntfs on a sparse temporary file, then on it the journal, its locator and the orphan folder,
/// then the data ranges go to
/// the LUN, the boot sector last, so that a crash on the way leaves no volume rather than half of one. All content of the LUN
/// is lost.
/// </summary>
public static class NtfsFormatter
{
    /// <summary>Below it NTFS's own files and a journal leave nothing.</summary>
    public static readonly ByteCount SizeMin = ByteCount.FromMebibytes(16);

    private const int SmallClusters = 4096;
    private const int LargeClusters = 65_536;

    /// <summary>A tmpfs on every Linux; its files may have any size.</summary>
    private const string MemoryFolder = "/dev/shm";
    private const int ChunkLength = 1 << 20;
    private const long JournalUnit = 1 << 20;

    private static readonly string[] s_programs = ["/usr/sbin/mkntfs", "/sbin/mkntfs", "/usr/bin/mkntfs"];
    private static readonly ByteCount s_journalDefault = ByteCount.FromMebibytes(64);
    /// <summary>2^32 clusters of 4 KiB, the most that NTFS has.</summary>
    private static readonly ByteCount s_largeFrom = ByteCount.FromMebibytes(16L << 20);
    private static readonly TimeSpan s_timeMax = TimeSpan.FromMinutes(10);

    /// <summary>Blocks the caller; the device is used by nobody else.</summary>
    public static void Format(IBlockDevice device, NtfsFormatOptions options)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(options);
        LibNtfsLoader.Use();
        var clusterSize = options.ClusterSize ?? (device.Size.Value < s_largeFrom.Value ? SmallClusters : LargeClusters);
        var size = device.Size.Value / clusterSize * clusterSize;
        if (size < SizeMin.Value)
        {
            throw new NtfsRefusedException($"A LUN of {device.Size} is too small for a volume: at least {SizeMin} are needed.");
        }

        var folder = options.TemporaryFolder ?? (size >= s_largeFrom.Value ? MemoryFolder : Path.GetTempPath());
        using var image = new SparseImage(folder, new ByteCount(size));
        MakeNtfs(image.Path, options.Label, clusterSize, SectorSizeOn(device));
        var locator = AddOwnFiles(image, JournalLength(options.JournalLength, size));
        CopyTo(device, image, locator);
    }

    /// <summary>The journal's length on a volume of <paramref name="size"/> bytes.</summary>
    internal static ByteCount JournalLength(ByteCount? asked, long size)
    {
        var wanted = asked
            ?? new ByteCount(Math.Clamp(size / 16 / JournalUnit * JournalUnit, JournalFormat.LengthMin, s_journalDefault.Value));
        return wanted.Value is >= JournalFormat.LengthMin and <= JournalFormat.LengthMax && wanted.Value % JournalUnit == 0
            ? wanted
            : throw new NtfsRefusedException($"A journal of {wanted} is not possible: it has whole MiB, from 1 MiB to 1 GiB.");
    }

    /// <summary>
    /// Of a new volume: the LUN's own blocks where they are large. Other systems mount no volume whose sectors are smaller than what the disk
    /// can read (Windows, Linux' ntfs3), and any whose are not.
    /// </summary>
    private static int SectorSizeOn(IBlockDevice device) => Math.Max(JournalFormat.SectorSize, device.BlockSize);

    internal static void MakeNtfs(string path, string label, int clusterSize, int sectorSize = JournalFormat.SectorSize)
    {
        var program = s_programs.FirstOrDefault(File.Exists)
            ?? throw new NtfsRefusedException("This machine has no mkntfs. Install the package ntfs-3g.");
        var start = new ProcessStartInfo(program)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            ArgumentList =
            {
                "-F", "-Q", "-q", "-s", sectorSize.ToString(CultureInfo.InvariantCulture), "-p", "0", "-H", "255", "-S", "63",
                "-c", clusterSize.ToString(CultureInfo.InvariantCulture), "-L", label, path,
            },
        };
        using var process = Process.Start(start) ?? throw new NtfsRefusedException($"{program} cannot be started.");
        var said = process.StandardError.ReadToEnd();
        if (!process.WaitForExit(s_timeMax))
        {
            process.Kill();
            throw new NtfsRefusedException($"mkntfs did not end within {s_timeMax.TotalMinutes} minutes.");
        }

        if (process.ExitCode != 0)
        {
            throw new NtfsRefusedException($"mkntfs failed with exit status {process.ExitCode}: {said.Trim()}");
        }
    }

    private static JournalLocator AddOwnFiles(SparseImage image, ByteCount journalLength)
    {
        var geometry = VolumeGeometry.Read(image);
        List<(long Vcn, long Lcn, long Length)> journal;
        List<(long Vcn, long Lcn, long Length)> mft;
        List<(long Vcn, long Lcn, long Length)> logFile;
        using (var volume = new MountedVolume(new DirectDevice(image)))
        {
            journal = volume.CreateOwnFileInOneRun(FileNames.Journal, journalLength.Value, geometry.ClusterSize);
            volume.CreateOwnDirectory(FileNames.Orphans);
            mft = volume.RunsOf(Interop.LibNtfs.FILE_MFT);
            logFile = volume.RunsOf(Interop.LibNtfs.FILE_LogFile);
        }

        if (journal.Count != 1)
        {
            throw new NtfsRefusedException($"The LUN has no room for a journal of {journalLength} in one piece.");
        }

        var locator = new JournalLocator(
            new LunByteOffset(journal[0].Lcn * geometry.ClusterSize), journalLength, geometry.Serial);
        var page = new byte[JournalFormat.PageSize];
        var place = new LunByteOffset(JournalFormat.RoundDown(JournalLocator.Place));
        image.Read(place, page);
        locator.Encode(page.AsSpan((int)(JournalLocator.Place - place.Value), JournalFormat.SectorSize));
        image.Write(place, page);
        RedoJournal.Format(image, locator, new Epoch(0), VolumeFingerprint.SectorsOf(geometry, mft, logFile), []);
        return locator;
    }

    private static void CopyTo(IBlockDevice device, SparseImage image, JournalLocator locator)
    {
        // First nothing: neither a boot sector nor a record of a former journal survives what follows.
        device.WriteZeroes(default, new ByteCount(JournalFormat.PageSize));
        device.Flush();
        device.WriteZeroes(locator.Start, locator.Length);
        var buffer = new byte[ChunkLength];
        foreach (var (start, end) in image.DataRanges())
        {
            for (var at = Math.Max(start, JournalFormat.PageSize); at < end; at += buffer.Length)
            {
                var piece = buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - at));
                image.Read(new LunByteOffset(at), piece);
                device.Write(new LunByteOffset(at), piece);
            }
        }

        device.Flush();
        var boot = buffer.AsSpan(0, JournalFormat.PageSize);
        image.Read(default, boot);
        device.Write(default, boot);
        device.Flush();
    }
}
