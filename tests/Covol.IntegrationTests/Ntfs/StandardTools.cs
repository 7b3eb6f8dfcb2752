using System.Diagnostics;
using System.Security.Cryptography;
using Covol.IntegrationTests.Support;
using Covol.Ntfs;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Shouldly;
using Xunit;

namespace Covol.IntegrationTests.Ntfs;

/// <summary>What Covol made is NTFS to everybody else: the programs of ntfs-3g accept it and read the same bytes.</summary>
public sealed class StandardTools : IDisposable
{
    private const int DataLength = 5_000_123;

    private readonly string _folder = Directory.CreateTempSubdirectory("covol-ntfs-").FullName;

    private string Image => Path.Combine(_folder, "volume.img");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [NeedsTheory("mkntfs", "ntfsresize", "ntfsfix", "ntfscat")]
    [InlineData(512)]
    [InlineData(4096)]
    public void The_programs_of_ntfs3g_find_a_sound_volume_and_the_same_bytes(int block)
    {
        var data = RandomNumberGenerator.GetBytes(DataLength);
        using (var device = new ImageDevice(Image, ByteCount.FromMebibytes(64), block))
        {
            NtfsFormatter.Format(device, new NtfsFormatOptions { Label = "outside", TemporaryFolder = _folder });
            Work(device, data);
            VolumeChecker.Check(device).ShouldBeEmpty();
        }

        Run("ntfsresize", "-i", "-f", "-P", Image);
        Run("ntfsfix", "-n", Image);
        Run("ntfscat", "-f", Image, "/folder/disk.raw").AsSpan().SequenceEqual(data).ShouldBeTrue();
    }

    private static void Work(ImageDevice device, byte[] data)
    {
        using var volume = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default).Volume;
        var folder = volume.Create(volume.Root, "folder", new NewInode(FileKind.Directory, 0x1ED, 0, 0)).File;
        for (var index = 0; index < 300; index++)
        {
            var file = volume.Create(folder, $"file {index} with a name of some length", new NewInode(FileKind.Regular, 0x1A4, 0, 0)).File;
            volume.Extend(file, new ByteCount(1 + (index * 100)));
        }

        var log = volume.Create(folder, "log", new NewInode(FileKind.Regular, 0x1A4, 0, 0)).File;
        volume.Extend(log, new ByteCount(300_000));
        volume.Preallocate(log, ByteCount.FromMebibytes(2));
        volume.Create(folder, "link", new NewInode(FileKind.SymbolicLink, 0x1FF, 0, 0, Target: "disk.raw"));
        var disk = volume.Create(folder, "disk.raw", new NewInode(FileKind.Regular, 0x1A4, 1000, 1000)).File;
        var map = volume.Extend(disk, new ByteCount(data.Length));
        volume.Commit([]);
        if (volume.MustCheckpointBefore(map.Extents))
        {
            volume.Checkpoint([]);
        }

        foreach (var extent in map.Extents)
        {
            var piece = new byte[extent.Length.Value];
            var start = (int)extent.FileStart.Value;
            data.AsSpan(start, Math.Min(piece.Length, data.Length - start)).CopyTo(piece);
            device.Write(extent.LunStart, piece);
        }

        volume.SetValidLength(disk, new ByteCount(data.Length), new FileTime(132_000_000_000_000_000));
        for (var index = 0; index < 300; index += 2)
        {
            volume.PurgeOrphanStep(volume.Unlink(folder, $"file {index} with a name of some length", false)!.Value).ShouldBeTrue();
        }

        volume.Commit([]);

        // Other programs know no journal.
        volume.Checkpoint([]);
    }

    private static byte[] Run(string program, params string[] arguments)
    {
        var path = new[] { "/usr/sbin", "/usr/bin", "/sbin", "/bin" }.Select(folder => Path.Combine(folder, program)).First(File.Exists);
        using var process = Process.Start(new ProcessStartInfo(path, arguments) { RedirectStandardOutput = true })!;
        using var output = new MemoryStream();
        process.StandardOutput.BaseStream.CopyTo(output);
        process.WaitForExit();
        var said = System.Text.Encoding.UTF8.GetString(output.ToArray(), 0, (int)Math.Min(2000, output.Length));
        process.ExitCode.ShouldBe(0, $"{program} said: {said}");
        return output.ToArray();
    }
}
