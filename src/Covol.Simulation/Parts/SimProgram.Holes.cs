using Covol.Protocol.Files;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Simulation.Checks;
using Covol.VolumeClient;

namespace Covol.Simulation.Parts;

/// <content>What programs do to files with holes: make them, fill them, look for them, write far behind the end.</content>
internal sealed partial class SimProgram
{
    private Task HolesAsync(OpenFile file)
    {
        var first = _world.Random.Next(_scenario.Span - 16);
        var count = _world.Random.Next(1, (_scenario.Span - first) + 1);
        return _world.Random.Next(13) switch
        {
            < 4 => ZeroAsync(file, AllocationMode.PunchHole, first, count),
            < 5 => ZeroAsync(file, AllocationMode.ZeroInside, first, count),
            < 6 => ZeroAsync(file, AllocationMode.ZeroRange, first, count),
            < 7 => MakeRoomAsync(file, AllocationMode.KeepSize, first, count),
            < 8 => MakeRoomAsync(file, AllocationMode.Extend, first, count),
            < 11 => SeekAsync(file, first, isForHole: _world.Chance(0.4)),
            _ => WriteAsync(file, GranulesMax - (_world.Random.Next(1, 4) * 16), 16, append: false),
        };
    }

    /// <summary>The range reads as zero from then on, within the file's size or as far as it goes.</summary>
    private async Task ZeroAsync(OpenFile file, AllocationMode mode, int first, int count)
    {
        var content = _checkers.Content(file.File);
        var id = _checkers.NextWrite();
        var zeroes = content.Begin(id, _name, first, count, isZero: true);
        _checkers.Belongs(zeroes, _client.MountId, _client.Process);
        Doing = $"makes zeroes of {file.File} granule {first} count {count} by {mode} ({id})";
        _world.Trace(_name, Doing);
        try
        {
            await AllocateAsync(file, mode, first, count).ConfigureAwait(false);
            zeroes.End(_world.Now, succeeded: true);
            _world.Trace(_name, $"made zeroes {id}");
        }
        catch (VolumeException)
        {
            zeroes.End(_world.Now, succeeded: false);
            throw;
        }
    }

    /// <summary>Nobody sees anything of it but the size.</summary>
    private async Task MakeRoomAsync(OpenFile file, AllocationMode mode, int first, int count)
    {
        Doing = $"makes room in {file.File} granule {first} count {count} by {mode}";
        _world.Trace(_name, Doing);
        try
        {
            await AllocateAsync(file, mode, first, count).ConfigureAwait(false);
            _world.Trace(_name, $"made room in {file.File}");
        }
        catch (VolumeException refusal) when (refusal.Error == VolumeError.NotSupported && mode == AllocationMode.KeepSize)
        {
            _world.Trace(_name, $"got no room behind the end of {file.File}");
        }
    }

    /// <summary>Asks for the next data or hole: what is passed on the way to data, and what a hole begins with, reads as zero.</summary>
    private async Task SeekAsync(OpenFile file, int first, bool isForHole)
    {
        var content = _checkers.Content(file.File);
        var asked = _world.Now;
        var from = (long)first * FileContent.Granule;
        Doing = $"looks for {(isForHole ? "a hole" : "data")} in {file.File} from granule {first}";
        var find = new FindData(file.File, new FileByteOffset(from), isForHole);
        var found = (await _client.Volume.AskAsync<DataFound>(find).ConfigureAwait(false)).Offset?.Value;
        _world.Trace(_name, $"found {(isForHole ? "a hole" : "data")} of {file.File} at {found ?? -1}");
        var (at, end) = (found, isForHole) switch
        {
            // The end of the file is before that place.
            (null, _) => (first, EndOfAll),
            ({ } hole, true) => ((int)(hole / FileContent.Granule), (int)(hole / FileContent.Granule) + 1),
            ({ } data, false) => (first, (int)(data / FileContent.Granule)),
        };
        if (found < from)
        {
            _world.Break("I3", $"{_name} looked from byte {from} of {file.File} and was sent back to {found}");
            return;
        }

        // Nothing is read: that is zeroes.
        content.Check(_name, asked, at, [], end - at);
    }

    private async Task AllocateAsync(OpenFile file, AllocationMode mode, int first, int count) =>
        await _client.Volume.AskAsync<Done>(new Allocate(
            file.File,
            mode,
            new FileByteOffset((long)first * FileContent.Granule),
            new ByteCount((long)count * FileContent.Granule))).ConfigureAwait(false);
}
