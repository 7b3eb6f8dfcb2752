using Covol.Protocol.Volume;
using Covol.Simulation.Checks;
using Covol.VolumeClient;

namespace Covol.Simulation.Parts;

/// <content>Programs that do mostly one thing, so that faults aimed at it meet it.</content>
internal sealed partial class SimProgram
{
    /// <summary>The same few whole blocks, so that what two nodes write meets.</summary>
    private Task OverwriteAsync(int which, OpenFile file)
    {
        var place = _world.Random.Next(_scenario.Span / 16) * 16;
        return _world.Random.Next(100) switch
        {
            < 50 => WriteAsync(file, place, 16, append: false),
            < 88 => ReadAsync(file, place, 16),
            < 93 => SynchronizeAsync(file),
            < 97 => LockAsync(file),
            _ => CloseAsync(which, file),
        };
    }

    private Task SpoilAsync(int which, OpenFile file) => _world.Random.Next(100) switch
    {
        < 35 => CutAsync(file, _world.Random.Next(_scenario.Span)),
        < 50 => WriteAsync(file, -1, _world.Random.Next(1, 12), append: true),
        < 75 => WriteAsync(file, _world.Random.Next(_scenario.Span), _world.Random.Next(1, 12), append: false),
        < 97 => ReadAsync(file, _world.Random.Next(_scenario.Span), _world.Random.Next(1, 32)),
        _ => CloseAsync(which, file),
    };

    /// <summary>Whoever gave a cut up writes behind its end then, and looks whether that is still there a little later.</summary>
    private async Task CutAsync(OpenFile file, int granules)
    {
        try
        {
            await SetSizeAsync(file, granules).ConfigureAwait(false);
        }
        catch (VolumeException refusal) when (refusal.Error == VolumeError.IoFailed && !file.IsDead)
        {
            _world.Trace(_name, $"gave up to cut {file.File} to granule {granules}");
            await PauseAsync(1, 200).ConfigureAwait(false);
            var first = granules + _world.Random.Next(16);
            await WriteAsync(file, first, 8, append: false).ConfigureAwait(false);
            await PauseAsync(1, 100).ConfigureAwait(false);
            await ReadAsync(file, first, 8).ConfigureAwait(false);
        }
    }

    private async Task FollowAsync(OpenFile file)
    {
        switch (_world.Random.Next(10))
        {
            case < 4:
                await LockAsync(file).ConfigureAwait(false);
                break;
            case < 8:
                _shared ??= await SharedFileAsync().ConfigureAwait(false);
                await LookAtTimeAsync(_shared.Value).ConfigureAwait(false);
                break;
            default:
                var end = _checkers.Content(file.File).Written;
                await ReadAsync(file, Math.Max(0, end - _world.Random.Next(1, 48)), 32).ConfigureAwait(false);
                break;
        }
    }

    /// <summary>Only what its node can read by itself, except now and then: else it would wait for what nobody answers.</summary>
    private async Task WatchAsync(int which, OpenFile file)
    {
        if (_world.Chance(0.003))
        {
            // Under its name another file may be by now.
            await CloseAsync(which, file).ConfigureAwait(false);
            return;
        }

        var first = _world.Random.Next(_scenario.Span - 8);
        var count = _world.Random.Next(1, 8);
        if (_world.Chance(0.005))
        {
            await ReadAsync(file, first, count).ConfigureAwait(false);
            return;
        }

        var content = _checkers.Content(file.File);
        var asked = _world.Now;
        var target = new byte[count * FileContent.Granule];
        Doing = $"reads {file.File} granule {first} count {count} by itself";
        if (await _client.ReadDirectAsync(file, (long)first * FileContent.Granule, target).ConfigureAwait(false))
        {
            _world.Trace(_name, $"read {file.File} granule {first} count {count} by itself");
            content.Check(_name, asked, first, target, count);
        }
    }
}
