using Covol.Mount;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Shouldly;
using Xunit;

namespace Covol.Tests.Mount;

public sealed class ListedNamesTests
{
    [Fact]
    public void What_was_listed_is_found_by_its_number_whatever_the_pages_held()
    {
        var listed = new ListedNames();
        var all = new List<DirectoryEntry>();
        foreach (var length in new[] { 500, 1, 0, 37, 500, 2 })
        {
            var page = Enumerable.Range(all.Count, length).Select(Entry).ToList();
            listed.Add(page);
            all.AddRange(page);
        }

        listed.Count.ShouldBe(all.Count);
        listed.LastName.ShouldBe(all[^1].Name);
        for (var number = 0; number < all.Count; number++)
        {
            listed[number].ShouldBe((all[number].Name, all[number].File.Reference, all[number].Kind));
        }

        Should.Throw<ArgumentOutOfRangeException>(() => listed[all.Count]);
    }

    [Fact]
    public void Cleared_it_begins_anew()
    {
        var listed = new ListedNames();
        listed.LastName.ShouldBeNull();
        listed.Add([Entry(1), Entry(2)]);

        listed.Clear();

        (listed.Count, listed.LastName).ShouldBe((0, null));
        listed.Add([Entry(3)]);
        listed[0].Name.ShouldBe(Entry(3).Name);
    }

    private static DirectoryEntry Entry(int number) => new(
        $"{(number % 3 == 0 ? "日本" : "")}{number}",
        new FileId(new FileReference((ulong)number + 100, 7), number),
        number % 2 == 0 ? FileKind.Regular : FileKind.Directory);
}
