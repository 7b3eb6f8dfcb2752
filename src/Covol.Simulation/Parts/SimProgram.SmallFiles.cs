using Covol.Protocol.Files;
using Covol.Protocol.Volume;
using Covol.VolumeClient;

namespace Covol.Simulation.Parts;

/// <content>
/// Small files, which are open for a moment only: written whole and closed, as a copy or an unpacked archive is; written on and over past the
/// journal later; taken away when nobody has them open.
/// </content>
internal sealed partial class SimProgram
{
    /// <summary>Two clusters.</summary>
    private const int SmallGranules = 64;

    private async Task SmallFileAsync()
    {
        var name = $"t{_world.Random.Next(4)}";
        if (_world.Chance(0.25))
        {
            await UnlinkAsync(name).ConfigureAwait(false);
            return;
        }

        Doing = $"opens {name}";
        var (file, seen) = await _client.Volume.CreateAsync(
            _root, name, new NewInode(FileKind.Regular, 0x1B6, 0, 0), OpenAccess.ReadWrite, openExisting: true, truncate: false)
            .ConfigureAwait(false);
        try
        {
            _client.Volume.ExpectData(file, seen.Attributes.Size);
            for (var step = _world.Random.Next(1, 4); step > 0; step--)
            {
                await UseSmallAsync(file).ConfigureAwait(false);
                if (_world.Chance(0.4))
                {
                    await PauseAsync(0.1, 40).ConfigureAwait(false);
                }
            }
        }
        catch (VolumeException refusal) when (refusal.Error == VolumeError.Stale && !file.IsDead)
        {
            _world.Break("I7", $"{_name} has {file.File} open, and was told while it {Doing}: {refusal.Message}");
        }
        finally
        {
            Doing = $"closes {file.File}";
            if (!file.IsDead)
            {
                await _client.Volume.CloseAsync(file).ConfigureAwait(false);
                _world.Trace(_name, $"closed {file.File}");
            }
        }
    }

    /// <summary>
    /// A new file is written from its start; what is there is written over and on in whole blocks, which its node may do by itself.
    /// </summary>
    private Task UseSmallAsync(OpenFile file)
    {
        var end = Math.Min(_checkers.Content(file.File).Written, SmallGranules);
        return _world.Random.Next(end == 0 ? 4 : 12) switch
        {
            < 4 => WriteAsync(file, 0, _world.Random.Next(1, SmallGranules), append: false),
            < 6 => WriteAsync(file, _world.Random.Next((end / 16) + 1) * 16, 16, append: false),
            < 7 => WriteAsync(file, -1, _world.Random.Next(1, 12), append: true),
            < 8 => SetSizeAsync(file, _world.Random.Next(4) * 8),
            < 10 => ReadAsync(file, 0, SmallGranules),
            _ => SynchronizeAsync(file),
        };
    }
}
