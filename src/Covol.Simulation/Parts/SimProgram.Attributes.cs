using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;

namespace Covol.Simulation.Parts;

/// <content>Attributes that every node keeps and all of them change: the same on all nodes at every moment.</content>
internal sealed partial class SimProgram
{
    private const string Shared = "shared";

    private FileId? _shared;

    private async Task AttributesAsync()
    {
        Doing = $"looks at {Shared}";
        var file = await SharedFileAsync().ConfigureAwait(false);
        for (var look = _world.Random.Next(1, 5); look > 0; look--)
        {
            if (_world.Chance(0.3))
            {
                await SetTimeAsync(file).ConfigureAwait(false);
            }
            else
            {
                await LookAtTimeAsync(file).ConfigureAwait(false);
            }

            await PauseAsync(0.1, 20).ConfigureAwait(false);
        }
    }

    private async Task<FileId> SharedFileAsync()
    {
        try
        {
            return (await _client.Volume.LookupAsync(_root, Shared).ConfigureAwait(false)).Attributes.File;
        }
        catch (VolumeException refusal) when (refusal.Error == VolumeError.NotFound)
        {
            var create = new Create(_root, Shared, new NewInode(FileKind.Regular, 0x1B6, 0, 0), null, false, false);
            try
            {
                return (await _client.Volume.AskAsync<Entry>(create).ConfigureAwait(false)).Attributes.File;
            }
            catch (VolumeException other) when (other.Error == VolumeError.Exists)
            {
                return (await _client.Volume.LookupAsync(_root, Shared).ConfigureAwait(false)).Attributes.File;
            }
        }
    }

    private async Task SetTimeAsync(FileId file)
    {
        var time = _checkers.Time.Begin();
        Doing = $"sets the time of {Shared} to {time}";
        await _client.Volume.AskAsync<Entry>(new SetAttributes(file, new AttributeChange { Modified = new FileTime(time) })).ConfigureAwait(false);
        _checkers.Time.Done(time);
        _world.Trace(_name, $"set time {time}");
    }

    private async Task LookAtTimeAsync(FileId file)
    {
        var asked = _world.Now;
        Doing = $"looks at {Shared}";
        var seen = _world.Chance(0.5)
            ? await _client.Volume.LookupAsync(_root, Shared).ConfigureAwait(false)
            : await _client.Volume.LookAtAsync(file).ConfigureAwait(false);
        _world.Trace(_name, $"saw time {seen.Attributes.Modified.Value}");
        _checkers.Time.Seen(_name, asked, seen.Attributes.Modified.Value);
    }
}
