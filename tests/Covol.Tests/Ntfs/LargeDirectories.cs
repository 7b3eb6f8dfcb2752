using Covol.Ntfs;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Tests.Ntfs.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Ntfs;

/// <summary>A directory of very many names: made, found, read page by page while names come and go, and emptied.</summary>
public sealed class LargeDirectories
{
    private const int Names = 50_000;
    private const int Page = 500;
    private const int Group = 128;
    private static readonly NewInode s_file = new(FileKind.Regular, 0x1A4, 0, 0);

    [Fact]
    public void Fifty_thousand_names_are_made_found_listed_and_removed()
    {
        using var device = new SparseDevice(ByteCount.FromMebibytes(1_024));
        NtfsFormatter.Format(device, new NtfsFormatOptions { Label = "many" });
        using (var volume = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default).Volume)
        {
            var folder = volume.Create(volume.Root, "folder", s_file with { Kind = FileKind.Directory }).File;
            var files = new FileId[Names];
            InGroups(volume, number => files[number] = volume.Create(folder, NameOf(number), s_file).File);

            for (var number = 0; number < Names; number += 97)
            {
                volume.Lookup(folder, NameOf(number))!.File.ShouldBe(files[number]);
            }

            volume.Lookup(folder, "none").ShouldBeNull();
            ReadsOnWhileNamesComeAndGo(volume, folder);
            InGroups(volume, number => volume.PurgeOrphanStep(volume.Unlink(folder, NameOf(number), isDirectory: false)!.Value).ShouldBeTrue());
            var rest = volume.NamesAfter(folder, null, Page);
            rest.Names.ShouldAllBe(name => name.Name.StartsWith("new", StringComparison.Ordinal));
            foreach (var (name, _) in rest.Names)
            {
                volume.PurgeOrphanStep(volume.Unlink(folder, name, isDirectory: false)!.Value);
            }

            volume.PurgeOrphanStep(volume.Unlink(volume.Root, "folder", isDirectory: true)!.Value).ShouldBeTrue();
            volume.Commit([]);
        }

        VolumeChecker.Check(device).ShouldBeEmpty();
    }

    private static void ReadsOnWhileNamesComeAndGo(NtfsVolume volume, FileId folder)
    {
        var seen = new List<string>();
        var pages = 0;
        for (var (after, isLast) = ((string?)null, false); !isLast; pages++)
        {
            (var names, isLast) = volume.NamesAfter(folder, after, Page);
            names.Count.ShouldBeLessThanOrEqualTo(Page);
            seen.AddRange(names.Select(name => name.Name));
            after = seen[^1];

            // Names that change the blocks of the index before and behind the place.
            volume.Create(folder, $"new-{pages}-{new string('x', 180)}", s_file);
            volume.Rename(folder, after, folder, $"{after}-moved", RenameMode.NoReplace);
            volume.Rename(folder, $"{after}-moved", folder, after, RenameMode.NoReplace);
            volume.Commit([]);
        }

        pages.ShouldBeGreaterThanOrEqualTo(Names / Page);
        seen.Distinct().Count().ShouldBe(seen.Count);
        var known = seen.ToHashSet();
        Enumerable.Range(0, Names).Count(number => known.Contains(NameOf(number))).ShouldBe(Names);
    }

    private static void InGroups(NtfsVolume volume, Action<int> change)
    {
        for (var number = 0; number < Names; number++)
        {
            change(number);
            if (number % Group == Group - 1 || !volume.HasRoomForChange)
            {
                volume.Commit([]);
                if (volume.JournalUse > 0.5)
                {
                    volume.Checkpoint([]);
                }
            }
        }

        volume.Commit([]);
    }

    /// <summary>Not in the order in which they are made, as programs' names are not.</summary>
    private static string NameOf(int number) => $"{(uint)number * 2_654_435_761:x8}-{number}";
}
