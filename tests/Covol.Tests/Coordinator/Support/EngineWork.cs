using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Shouldly;

namespace Covol.Tests.Coordinator.Support;

/// <summary>
/// Random work of two nodes on a few files, one step after the other: small and large writes through the coordinator, direct ones inside
/// layouts and tails, cuts, holes, attributes, deletions, takeovers. What each file has to hold is known after each step.
/// </summary>
internal sealed class EngineWork
{
    private const int Block = 512;
    public static readonly string[] Names = ["file0", "file1", "file2"];
    private static readonly AllocationMode[] s_modes =
        [AllocationMode.KeepSize, AllocationMode.Extend, AllocationMode.PunchHole, AllocationMode.ZeroRange, AllocationMode.ZeroInside];

    private readonly EngineWorld _world;
    private readonly int _sizeMax;
    private readonly Random _random;
    private readonly Dictionary<string, Known> _files = [];
    private readonly List<string> _history = [];
    private TestClient[] _clients = [];
    private int _written;

    /// <param name="world">Where.</param>
    /// <param name="seed">What is done.</param>
    /// <param name="sizeMax">How long files are at most, about, in bytes.</param>
    public EngineWork(EngineWorld world, int seed, int sizeMax) => (_world, _random, _sizeMax) = (world, new Random(seed), sizeMax);

    public EngineLun Lun => _world.Lun;

    /// <summary>What was done, for people.</summary>
    public IReadOnlyList<string> History => _history;

    /// <summary>
    /// By name, all that each file may hold after the step that the power was cut in; null among it: it may not be there. Set by
    /// <see cref="RunAsync"/>, which ends with that step.
    /// </summary>
    public IReadOnlyDictionary<string, IReadOnlyList<byte[]?>> Possible { get; private set; } = new Dictionary<string, IReadOnlyList<byte[]?>>();

    public async Task RunAsync(int steps)
    {
        _clients = [await _world.ClientAsync(1), await _world.ClientAsync(2)];
        foreach (var client in _clients)
        {
            client.AnswersTails = AnswerTail;
        }

        for (var step = 0; step < steps; step++)
        {
            var before = Names.ToDictionary(name => name, SinceStable);
            await StepAsync(_clients[_random.Next(2)], Names[_random.Next(Names.Length)]);
            _world.FailedBecause.ShouldBeNull();
            if (_world.Lun.IsCut)
            {
                Possible = Names.ToDictionary(name => name, name => Between(before[name], SinceStable(name)));
                return;
            }
        }
    }

    /// <summary>The next coordinator finds in each file what was written last.</summary>
    public async Task EndAsync()
    {
        await TakeOverAsync();
        foreach (var file in _files.Values)
        {
            await CompareAsync(_clients[0], file, 0, file.Content.Length + 1);
        }
    }

    /// <summary>In the middle of a write that makes a file longer it may be that long already, and what is new reads as zero.</summary>
    private static IReadOnlyList<byte[]?> Between(IReadOnlyList<byte[]?> before, IReadOnlyList<byte[]?> after)
    {
        var longer = before[^1] ?? [];
        Array.Resize(ref longer, after[^1]?.Length ?? longer.Length);
        return [.. before, .. after, longer];
    }

    private IReadOnlyList<byte[]?> SinceStable(string name) =>
        _files.TryGetValue(name, out var file) ? [.. file.SinceStable] : [(byte[]?)null];

    private async Task StepAsync(TestClient client, string name)
    {
        if (!_files.TryGetValue(name, out var file))
        {
            var (id, handle) = await client.CreateAsync(name);
            Say(client, $"creates {name}");
            _files.Add(name, new Known(id, name, client, handle));
            return;
        }

        switch (_random.Next(20))
        {
            case < 5:
                await WriteAsync(client, file);
                break;
            case 5:
                var size = _random.Next(3) == 0 ? file.Content.Length : Length();
                Say(client, $"makes {name} {size} long");
                await client.AskAsync<Entry>(new SetSize(file.Id, new ByteCount(size)));
                file.Resize(size);
                break;
            case 6 or 7:
                await AllocateAsync(client, file);
                break;
            case 8:
                await FindAsync(client, file);
                break;
            case 9 or 10 or 11:
                await WriteDirectAsync(client, file);
                break;
            case 12:
                Say(client, $"sets an attribute of {name}");
                await client.AskAsync<Done>(
                    new SetExtendedAttribute(file.Id, $"user.{_random.Next(3)}", new byte[_random.Next(2_000)], false, false));
                break;
            case 13:
                await ReopenAsync(client, file, isUnlinked: _random.Next(2) == 0);
                break;
            case 14 when _random.Next(3) == 0:
                await TakeOverAsync();
                break;
            case 15:
                Say(client, "time goes by");
                _world.Time.Advance(TimeSpan.FromSeconds(_random.Next(4)));
                break;
            case 16:
                Say(client, $"synchronizes {name}");
                if (file.Held is { } held && held.Client == client)
                {
                    await GiveBackAsync(file);
                }

                await client.AskAsync<Done>(new Synchronize(file.Id, WroteDirectly: false));
                file.IsStable();
                break;
            default:
                await CompareAsync(client, file, _random.Next(file.Content.Length + 1), 1 + _random.Next(60_000));
                break;
        }
    }

    private async Task WriteAsync(TestClient client, Known file)
    {
        var data = Data(Length(Math.Min(_sizeMax, 70_000)));
        var isAppend = _random.Next(4) == 0;
        var at = isAppend ? file.Content.Length : Place(file.Content.Length + (_random.Next(2) * _sizeMax / 4));
        Say(client, $"writes {data.Length} B at {at} of {file.Name}{(isAppend ? ", the end" : "")}");
        var write = new WriteData(file.Id, new FileByteOffset(isAppend ? 0 : at), isAppend, ClearSetId: false);
        var id = client.NextId();
        var answer = await client.SendAsync(id, write, data).WaitAsync(TimeSpan.FromSeconds(20));
        while (answer.Reply is Refused { Error: VolumeError.AskAgain })
        {
            answer = await client.SendAsync(id, write, data).WaitAsync(TimeSpan.FromSeconds(20));
        }

        answer.Reply.ShouldBeOfType<DataWritten>().Offset.Value.ShouldBe(at);
        file.Put(at, data);
    }

    private async Task AllocateAsync(TestClient client, Known file)
    {
        var mode = s_modes[_random.Next(s_modes.Length)];
        var (start, end) = (Place(file.Content.Length), 0);
        end = start + Length();
        Say(client, $"{mode} [{start}, {end}) of {file.Name}");
        var wanted = new Allocate(file.Id, mode, new FileByteOffset(start), new ByteCount(end - start));
        while (await client.AskAsync(wanted) is var reply && reply is not Done)
        {
            var upTo = reply.ShouldBeOfType<Allocated>().UpTo;
            wanted = wanted with { Offset = upTo, Length = new ByteCount(end - upTo.Value) };
        }

        if (mode is AllocationMode.Extend or AllocationMode.ZeroRange)
        {
            file.Resize(Math.Max(end, file.Content.Length));
        }

        if (mode is AllocationMode.PunchHole or AllocationMode.ZeroRange or AllocationMode.ZeroInside && start < file.Content.Length)
        {
            file.Clear(start, Math.Min(end, file.Content.Length));
        }
    }

    private async Task FindAsync(TestClient client, Known file)
    {
        var at = _random.Next(file.Content.Length + 1);
        Say(client, $"looks for data from {at} of {file.Name}");
        var found = await client.AskAsync<DataFound>(new FindData(file.Id, new FileByteOffset(at), Hole: false));
        var upTo = (int)(found.Offset?.Value ?? file.Content.Length);
        file.Content.AsSpan(at, Math.Max(0, upTo - at)).ContainsAnyExcept((byte)0).ShouldBeFalse("What is called a hole holds data.");
    }

    /// <summary>Inside a layout, or a tail, straight to the LUN.</summary>
    private async Task WriteDirectAsync(TestClient client, Known file)
    {
        var held = file.Held;
        if (held is null || held.Client != client || held.IsOver)
        {
            await GiveBackAsync(file);
            var withTail = _random.Next(2) == 0;
            var granted = await client.AskAsync<LayoutGranted>(new GetLayout(file.Id, LayoutAccess.ReadWrite, withTail));
            if (granted.Layout is not { } got)
            {
                return;
            }

            Say(client, $"gets a layout of {file.Name}, valid {got.ValidLength}, tail to {got.TailEnd}");
            file.Held = held = new Held(client, got);
        }

        var layout = held.Layout;
        var valid = layout.ValidLength.Value / Block * Block;
        for (var writes = 0; writes < 3 && !held.IsOver; writes++)
        {
            var extent = layout.Extents[_random.Next(layout.Extents.Count)];
            var isTail = layout.HasTail && _random.Next(2) == 0;
            var (from, to) = isTail
                ? (Math.Max(extent.FileStart.Value, (layout.ValidLength.Value + Block - 1) / Block * Block),
                    Math.Min(Math.Min(extent.FileEnd.Value, layout.TailEnd.Value / Block * Block), (file.Content.Length + 100_000) / Block * Block))
                : (extent.FileStart.Value, Math.Min(extent.FileEnd.Value, valid));
            if (from >= to)
            {
                continue;
            }

            var at = from + (_random.Next((int)((to - from) / Block)) * Block);
            var data = Data((int)Math.Min(to - at, Block * (1 + _random.Next(8))));
            Say(client, $"writes {data.Length} B at {at} of {file.Name} by itself");
            _world.Lun.Write(extent.LunStart + new ByteCount(at - extent.FileStart.Value), data);
            if (isTail)
            {
                held.Note(at, at + data.Length);
            }

            file.Put(at, data);
        }
    }

    private CommitLayout AnswerTail(ReportTail asked)
    {
        var held = _files.Values.Select(file => file.Held).FirstOrDefault(held => held?.Layout.Generation == asked.Generation);
        if (asked.IsLast && held is not null)
        {
            held.IsOver = held.IsTold = true;
        }

        return new CommitLayout(asked.File, asked.Generation, held?.Written() ?? [], asked.Ticket, asked.IsLast);
    }

    private static async Task GiveBackAsync(Known file)
    {
        if (file.Held is not { } held)
        {
            return;
        }

        held.IsOver = true;
        await held.Client.AskAsync<Done>(new ReturnLayout(held.Layout.File, held.Layout.Generation), slot: 80);
        if (held.Layout.HasTail && !held.IsTold)
        {
            held.IsTold = true;
            await held.Client.AskAsync<Done>(
                new CommitLayout(held.Layout.File, held.Layout.Generation, held.Written(), Ticket: 0, IsLast: true), slot: 81);
        }

        file.Held = null;
    }

    private async Task ReopenAsync(TestClient client, Known file, bool isUnlinked)
    {
        Say(client, $"{(isUnlinked ? "unlinks" : "closes and opens")} {file.Name}");
        await GiveBackAsync(file);
        var isFirst = _random.Next(2) == 0;
        if (isUnlinked && isFirst)
        {
            await client.AskAsync<Done>(new Unlink(client.Root, file.Name, IsDirectory: false));
        }

        await file.Opener.AskAsync<Done>(new Close(file.Handle));
        if (isUnlinked)
        {
            if (!isFirst)
            {
                await client.AskAsync<Done>(new Unlink(client.Root, file.Name, IsDirectory: false));
            }

            _files.Remove(file.Name);
            return;
        }

        (file.Opener, file.Handle) = (client, await client.OpenAsync(file.Id));
    }

    private async Task TakeOverAsync()
    {
        _history.Add("takeover");
        foreach (var file in _files.Values)
        {
            await GiveBackAsync(file);
        }

        await _world.TakeOverAsync();
        foreach (var client in _clients)
        {
            await client.MoveToAsync(_world.Coordinator);
            foreach (var file in _files.Values.Where(file => file.Opener == client))
            {
                await client.AskAsync<Done>(new ReclaimHandle(file.Id, file.Handle, OpenAccess.ReadWrite, [], null), slot: 82);
            }
        }

        foreach (var client in _clients)
        {
            await client.AskAsync<Done>(new ReclaimComplete(), slot: 82);
        }
    }

    private async Task CompareAsync(TestClient client, Known file, int at, int length)
    {
        Say(client, $"reads {length} B at {at} of {file.Name}");
        var read = await client.ReadAsync(file.Id, at, Math.Min(length, 1 << 20));
        var expected = file.Content.AsSpan(at, Math.Clamp(file.Content.Length - at, 0, length));
        read.Length.ShouldBe(expected.Length);
        var same = read.AsSpan().CommonPrefixLength(expected);
        same.ShouldBe(read.Length, $"{file.Name} differs at {at + same}: {(same < read.Length ? $"{read[same]} in place of {expected[same]}" : "")}");
    }

    private int Length() => Length(_sizeMax);

    private int Length(int max) => _random.Next(4) switch
    {
        0 => 1 + _random.Next(Math.Min(max, 200)),
        1 => 1 + _random.Next(Math.Min(max, 5_000)),
        2 when max > 4_096 => (1 + _random.Next(max / 4_096)) * 4_096,
        _ => 1 + _random.Next(max),
    };

    private int Place(int upTo)
    {
        var at = _random.Next(Math.Min(upTo, _sizeMax) + 1);
        return _random.Next(3) switch { 0 => at, 1 => at / Block * Block, _ => at / 4_096 * 4_096 };
    }

    private byte[] Data(int length)
    {
        var data = new byte[length];
        data.AsSpan().Fill((byte)(1 + (_written++ % 200)));
        return data;
    }

    private void Say(TestClient client, string what) => _history.Add($"{client.Node} {what}");

    /// <summary>A file, and what it has to hold.</summary>
    private sealed class Known(FileId id, string name, TestClient opener, HandleId handle)
    {
        private readonly List<byte[]> _since = [[]];

        public FileId Id => id;

        public string Name => name;

        public TestClient Opener { get; set; } = opener;

        public HandleId Handle { get; set; } = handle;

        public byte[] Content => _since[^1];

        /// <summary>What it held since it was synchronized.</summary>
        public IReadOnlyList<byte[]> SinceStable => [.. _since];

        public Held? Held { get; set; }

        public void IsStable() => _since.RemoveRange(0, _since.Count - 1);

        public void Resize(int size)
        {
            var content = Content;
            Array.Resize(ref content, size);
            _since.Add(content);
        }

        public void Put(long at, byte[] data)
        {
            var content = new byte[Math.Max(Content.Length, at + data.Length)];
            Content.CopyTo(content, 0);
            data.CopyTo(content.AsSpan((int)at));
            _since.Add(content);
        }

        public void Clear(int start, int end)
        {
            var content = (byte[])Content.Clone();
            content.AsSpan(start, end - start).Clear();
            _since.Add(content);
        }
    }

    /// <summary>A layout that a node has, and what it wrote in its tail.</summary>
    private sealed class Held(TestClient client, Layout layout)
    {
        private readonly SortedDictionary<long, long> _written = [];
        private bool _isOver;

        public TestClient Client => client;

        public Layout Layout => layout;

        /// <summary>Nothing of its tail is this node's any more.</summary>
        public bool IsTold { get; set; }

        public bool IsOver
        {
            get => _isOver || client.Notices.OfType<RecallLayout>().Any(recall => recall.Generation == layout.Generation);
            set => _isOver = value;
        }

        public void Note(long start, long end)
        {
            lock (_written)
            {
                foreach (var (other, otherEnd) in _written.Where(range => range.Key <= end && start <= range.Value).ToList())
                {
                    (start, end) = (Math.Min(start, other), Math.Max(end, otherEnd));
                    _written.Remove(other);
                }

                _written.Add(start, end);
            }
        }

        public WrittenRange[] Written()
        {
            lock (_written)
            {
                return [.. _written.Select(range => new WrittenRange(new FileByteOffset(range.Key), new FileByteOffset(range.Value)))];
            }
        }
    }
}
