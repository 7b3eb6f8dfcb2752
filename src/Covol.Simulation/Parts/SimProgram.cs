using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Locks;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Simulation.Checks;
using Covol.Simulation.Worlds;
using Covol.VolumeClient;

namespace Covol.Simulation.Parts;

/// <summary>
/// A program on one node that does random things to files that others use too, and checks what it sees.
/// </summary>
internal sealed partial class SimProgram
{
    /// <summary>Files reach so far at most, in granules of 128 bytes.</summary>
    private const int GranulesMax = 256;

    /// <summary>Appends end here, and everything behind it is zero for ever.</summary>
    private const int AppendsMax = 2 * GranulesMax;

    private const int GranulesOfBlock = 4;

    private readonly World _world;
    private readonly Checkers _checkers;
    private readonly ClientProcess _client;
    private readonly string _name;
    private readonly Scenario _scenario;
    private readonly Habit _habit;
    private readonly Dictionary<int, OpenFile> _open = [];
    private FileId _root;
    private long _lastName;

    public SimProgram(World world, Checkers checkers, ClientProcess client, int number, Scenario scenario)
    {
        _world = world;
        _checkers = checkers;
        _client = client;
        _name = $"{client.Process.Name}/{number}";
        _scenario = scenario;
        _habit = scenario.HabitOf(client.Process.Node, number);
    }

    /// <summary>No file is ever longer, in granules.</summary>
    public static int EndOfAll => AppendsMax + 64;

    public string Name => _name;

    public bool HasEnded { get; private set; }

    /// <summary>What it waits for, for the report of a world that does not come to rest.</summary>
    public string Doing { get; private set; } = "nothing";

    public async Task RunAsync(Func<bool> isToEnd)
    {
        await PauseAsync(1, 200).ConfigureAwait(false);
        while (!isToEnd() && !_world.IsOver)
        {
            try
            {
                await StepAsync().ConfigureAwait(false);
            }
            catch (VolumeException refusal)
            {
                Refused(refusal);
            }

            Doing = "nothing";
            await PauseAsync(1, _habit == Habit.Watching ? 100 : _world.Chance(0.1) ? 1500 : 120 * _scenario.PauseOf(_client.Process.Node))
                .ConfigureAwait(false);
        }

        HasEnded = true;
        _world.Trace(_name, "ends");
    }

    private async Task StepAsync()
    {
        _world.AssertCurrent();
        if (_root == default)
        {
            Doing = "looks up the root";
            _root = (await _client.Volume.AskAsync<Entry>(new GetRoot()).ConfigureAwait(false)).Attributes.File;
        }

        var which = _world.Random.Next(_scenario.SharedFiles);
        var dice = _world.Random.Next(100);
        if (dice < 8 && _habit != Habit.Watching)
        {
            await (dice < 6 ? NamesAsync() : AttributesAsync()).ConfigureAwait(false);
            return;
        }

        if (_habit == Habit.Anything && _world.Chance(_scenario.SmallFiles))
        {
            await SmallFileAsync().ConfigureAwait(false);
            return;
        }

        if (dice < 8 + _scenario.Unlinks && _habit is not (Habit.Watching or Habit.HotBlocks or Habit.Following))
        {
            await UnlinkAsync($"s{which}").ConfigureAwait(false);
            return;
        }

        var file = await OpenAsync(which).ConfigureAwait(false);
        try
        {
            await (_habit switch
            {
                Habit.HotBlocks => OverwriteAsync(which, file),
                Habit.Watching => WatchAsync(which, file),
                Habit.Spoiling => SpoilAsync(which, file),
                Habit.Following => FollowAsync(file),
                Habit.Guarding when dice > 90 => AttributesAsync(),
                Habit.Guarding when _world.Chance(0.5) => LockAsync(file),
                Habit.Growing when _world.Chance(0.7) => GrowAsync(file),
                _ => DoAnythingAsync(which, file, dice),
            }).ConfigureAwait(false);
        }
        catch (VolumeException refusal) when (refusal.Error == VolumeError.Stale && !file.IsDead)
        {
            _world.Break("I7", $"{_name} has {file.File} open, and was told while it {Doing}: {refusal.Message}");
        }
    }

    private Task DoAnythingAsync(int which, OpenFile file, int dice)
    {
        var span = _scenario.Span;
        return _world.Random.Next(14, 100) switch
        {
            _ when _scenario.Holes && dice is > 50 and < 62 => HolesAsync(file),
            < 30 => WriteAsync(file, _world.Random.Next(span / 16) * 16, 16, append: false),
            < 38 => GrowAsync(file),
            < 48 when _scenario.WholeBlocks => ReadAsync(file, _world.Random.Next(span - 16), _world.Random.Next(1, 32)),
            < 43 => WriteAsync(file, _world.Random.Next(span - 8), _world.Random.Next(1, 8), append: false),
            < 48 => WriteAsync(file, -1, _world.Random.Next(1, 12), append: true),
            < 72 => ReadAsync(file, _world.Random.Next(span - 16), _world.Random.Next(1, 32)),
            _ when dice > 100 - _scenario.Cuts => SetSizeAsync(file, _world.Random.Next(span)),
            < 86 => SynchronizeAsync(file),
            < 92 => LockAsync(file),
            _ => CloseAsync(which, file),
        };
    }

    private async Task<OpenFile> OpenAsync(int which)
    {
        if (_open.TryGetValue(which, out var known) && !known.IsDead)
        {
            return known;
        }

        Doing = $"opens s{which}";
        var inode = new NewInode(FileKind.Regular, 0x1B6, 0, 0);
        var (handle, seen) = await _client.Volume.CreateAsync(
            _root, $"s{which}", inode, OpenAccess.ReadWrite, openExisting: true, truncate: false).ConfigureAwait(false);
        _open[which] = handle;
        _client.Volume.ExpectData(handle, seen.Attributes.Size);
        return handle;
    }

    private async Task WriteAsync(OpenFile file, int first, int count, bool append)
    {
        var content = _checkers.Content(file.File);
        if (append && content.Written > AppendsMax)
        {
            return;
        }

        var id = _checkers.NextWrite();
        var write = content.Begin(id, _name, first, count, isZero: false);
        _checkers.Belongs(write, _client.MountId, _client.Process);
        Doing = $"writes {id} to {file.File} granule {first} count {count}";
        _world.Trace(_name, Doing);
        try
        {
            var bytes = FileContent.Bytes(id, count);
            var (at, inTail) = await _client.WriteAsync(file, (long)Math.Max(0, first) * FileContent.Granule, append, bytes)
                .ConfigureAwait(false);
            write.IsInTail = inTail;
            if (append)
            {
                content.Place(write, (int)(at / FileContent.Granule));
            }

            write.End(_world.Now, succeeded: true);
            _world.Trace(_name, $"wrote {id}");
        }
        catch (VolumeException)
        {
            write.End(_world.Now, succeeded: false);
            throw;
        }
    }

    /// <summary>
    /// Goes on at the file's end, write by write, now and then leaving blocks out, often with a fsync as logs do; at the largest size it is
    /// cut first.
    /// </summary>
    private async Task GrowAsync(OpenFile file)
    {
        Doing = $"looks at {file.File}";
        var attributes = await _client.Volume.GetAttributesAsync(file.File).ConfigureAwait(false);
        var end = (int)((attributes.Size.Value + FileContent.Granule - 1) / FileContent.Granule);
        end = (end + GranulesOfBlock - 1) / GranulesOfBlock * GranulesOfBlock;
        if (end > GranulesMax - (8 * GranulesOfBlock))
        {
            await SetSizeAsync(file, _world.Random.Next(GranulesMax / 4)).ConfigureAwait(false);
            return;
        }

        for (var write = _world.Random.Next(2, 8); write > 0 && end + (2 * GranulesOfBlock) < GranulesMax; write--)
        {
            end += _world.Chance(0.2) ? _world.Random.Next(1, 3) * GranulesOfBlock : 0;
            await WriteAsync(file, end, GranulesOfBlock, append: false).ConfigureAwait(false);
            end += GranulesOfBlock;
            if (_world.Chance(0.3))
            {
                await PauseAsync(0.1, 30).ConfigureAwait(false);
            }
        }

        if (_world.Chance(0.4))
        {
            await SynchronizeAsync(file).ConfigureAwait(false);
        }
    }

    private async Task ReadAsync(OpenFile file, int first, int count)
    {
        var content = _checkers.Content(file.File);
        var asked = _world.Now;
        var target = new byte[count * FileContent.Granule];
        Doing = $"reads {file.File} granule {first} count {count}";
        var read = await _client.ReadAsync(file, (long)first * FileContent.Granule, target).ConfigureAwait(false);
        _world.Trace(_name, $"read {read} of {file.File} granule {first}");
        content.Check(_name, asked, first, target.AsSpan(0, read), count);
    }

    private async Task SetSizeAsync(OpenFile file, int granules)
    {
        var content = _checkers.Content(file.File);
        var id = _checkers.NextWrite();
        var cut = content.Begin(id, _name, granules, EndOfAll - granules, isZero: true);
        _checkers.Belongs(cut, _client.MountId, _client.Process);
        Doing = $"sets the size of {file.File} to granule {granules} ({id})";
        _world.Trace(_name, Doing);
        try
        {
            // Cut or grown: what lies behind the new end reads as zero from then on.
            var size = new ByteCount((long)granules * FileContent.Granule);
            await _client.Volume.AskAsync<Entry>(new SetSize(file.File, size)).ConfigureAwait(false);
            cut.End(_world.Now, succeeded: true);
            cut.IsStable = true;
            _world.Trace(_name, $"set size {id}");
        }
        catch (VolumeException)
        {
            cut.End(_world.Now, succeeded: false);
            throw;
        }
    }

    private async Task SynchronizeAsync(OpenFile file)
    {
        var content = _checkers.Content(file.File);
        var asked = _world.Now;
        Doing = $"synchronizes {file.File}";
        if (_world.Chance(0.5))
        {
            await _client.Volume.SynchronizeAsync(file.File).ConfigureAwait(false);
            content.Synchronized(asked);
        }
        else
        {
            await _client.SynchronizeDataAsync(file).ConfigureAwait(false);
            content.Synchronized(asked, _client.Process.Name);
        }

        _world.Trace(_name, $"synchronized {file.File}");
    }

    /// <summary>Under an exclusive lock of the whole file: read, write, read again.</summary>
    private async Task LockAsync(OpenFile file)
    {
        var owner = new LockOwner(_checkers.OwnerOf(_name));
        var asked = _world.Now;
        var wanted = new HeldLock(owner, 1, LockKind.Flock, LockMode.Exclusive, LockRange.All);
        Doing = $"waits for the lock of {file.File}";
        await _client.Volume.SetLockAsync(file, wanted, wait: true, CancellationToken.None).ConfigureAwait(false);
        if (file.IsDead)
        {
            return;
        }

        _checkers.Locks.Taken(file.File, _client.MountId, _name, asked);
        _world.Trace(_name, $"locked {file.File}");
        try
        {
            var place = _world.Random.Next(_scenario.Span / GranulesOfBlock) * GranulesOfBlock;
            await ReadAsync(file, place, GranulesOfBlock).ConfigureAwait(false);
            await WriteAsync(file, place, GranulesOfBlock, append: false).ConfigureAwait(false);
            await PauseAsync(0.1, _habit == Habit.Following ? 3_000 : 50).ConfigureAwait(false);
        }
        finally
        {
            _checkers.Locks.Released(file.File, _name);
            Doing = $"unlocks {file.File}";
            if (!file.IsDead)
            {
                await _client.Volume.SetLockAsync(file, wanted with { Mode = LockMode.Unlock }, wait: false, CancellationToken.None)
                    .ConfigureAwait(false);
            }
        }
    }

    private async Task CloseAsync(int which, OpenFile file)
    {
        Doing = $"closes {file.File}";
        _open.Remove(which);
        await _client.Volume.CloseAsync(file).ConfigureAwait(false);
        _world.Trace(_name, $"closed {file.File}");
    }

    /// <summary>A shared name goes; whoever has the file open goes on with it.</summary>
    private async Task UnlinkAsync(string name)
    {
        Doing = $"unlinks {name}";
        try
        {
            await _client.Volume.AskAsync<Done>(new Unlink(_root, name, IsDirectory: false)).ConfigureAwait(false);
            _world.Trace(_name, $"unlinked {name}");
        }
        catch (VolumeException refusal) when (refusal.Error == VolumeError.NotFound)
        {
            _world.Trace(_name, $"found no {name}");
        }
    }

    /// <summary>Names that nobody else uses: each step is possible once, and only once (I5).</summary>
    private async Task NamesAsync()
    {
        var name = $"{_name.Replace('/', '-')}-{++_lastName}";
        Doing = $"creates, renames and unlinks {name}";
        try
        {
            await _client.Volume.AskAsync<Entry>(
                new Create(_root, name, new NewInode(FileKind.Regular, 0x1B6, 0, 0), null, false, false)).ConfigureAwait(false);
            await _client.Volume.AskAsync<Done>(new Rename(_root, name, _root, name + "b", RenameMode.NoReplace)).ConfigureAwait(false);
            await _client.Volume.AskAsync<Done>(new Unlink(_root, name + "b", IsDirectory: false)).ConfigureAwait(false);
            _world.Trace(_name, $"used {name}");
        }
        catch (VolumeException refusal) when (refusal.Error is VolumeError.Exists or VolumeError.NotFound)
        {
            _world.Break("I5", $"{_name} was told '{refusal.Message}' for {name}, which it alone uses: a request was carried out twice");
        }
    }

    private void Refused(VolumeException refusal)
    {
        _world.Trace(_name, $"refused while it {Doing}: {refusal.Error} {refusal.Message}");
        switch (refusal.Error)
        {
            case VolumeError.IoFailed or VolumeError.NoSpace or VolumeError.Deadlock or VolumeError.Busy:
                break;
            case VolumeError.NoSuchHandle or VolumeError.Stale:
                foreach (var (which, handle) in _open.Where(entry => entry.Value.IsDead).ToList())
                {
                    _open.Remove(which);
                }

                break;
            default:
                _world.Break("I10", $"{_name} was refused with {refusal.Error} while it {Doing}: {refusal.Message}");
                break;
        }
    }

    private Task PauseAsync(double least, double most) => Task.Delay(_world.Milliseconds(least, most), _client.Process.Clock);
}
