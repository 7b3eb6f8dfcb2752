using Covol.Protocol.Files;
using Covol.Protocol.Volume;
using Covol.Simulation.Checks;
using Covol.Simulation.Worlds;

namespace Covol.Simulation.Parts;

/// <summary>When all is over: reads every file that has a name, whole, and checks it; then the world ends.</summary>
/// <param name="world">Which ends then.</param>
/// <param name="checkers">What the files may hold.</param>
/// <param name="client">Reads.</param>
/// <param name="check">What is wrong with the volume itself; null: nothing.</param>
internal sealed class FinalReader(World world, Checkers checkers, ClientProcess client, Func<string?> check)
{
    private const string Name = "reader";

    public async Task RunAsync()
    {
        try
        {
            var root = (await client.Volume.AskAsync<Entry>(new GetRoot()).ConfigureAwait(false)).Attributes.File;
            var page = await client.Volume.AskAsync<DirectoryPage>(new ListDirectory(root, null)).ConfigureAwait(false);
            foreach (var entry in page.Entries)
            {
                if (entry.Name.Length == 2)
                {
                    await ReadAsync(entry).ConfigureAwait(false);
                }
            }

            if (check() is { } wrong)
            {
                world.Break("I6", $"the volume is damaged: {wrong}");
            }

            world.Trace(Name, "ends");
        }
        catch (VolumeException refusal)
        {
            world.Break("I9", $"the last reader was refused: {refusal.Error} {refusal.Message}");
        }

        world.End();
    }

    private async Task ReadAsync(DirectoryEntry entry)
    {
        const int Step = 64;
        var content = checkers.Content(entry.File);
        var (handle, _) = await client.Volume.OpenAsync(entry.File, OpenAccess.Read, truncate: false).ConfigureAwait(false);
        for (var first = 0; first < SimProgram.EndOfAll; first += Step)
        {
            var asked = world.Now;
            var target = new byte[Step * FileContent.Granule];
            var read = await client.ReadAsync(handle, (long)first * FileContent.Granule, target).ConfigureAwait(false);
            content.Check(Name, asked, first, target.AsSpan(0, read), Step);
        }

        world.Trace(Name, $"read {entry.Name}");
    }
}
